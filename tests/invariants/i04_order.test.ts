import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { FrameDecoder } from "../../lib/eventmesh/wire/mod.ts";
import type { Network, Transport } from "../../lib/net/mod.ts";
import { type Ground, memory, tcp } from "../contracts/grounds.ts";
import { fixtures, rigTest } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { watchTraces } from "../support/trace.ts";
import { turns, until } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";
import { heldNetwork, untilDraining } from "./kit.ts";

const gate = leakGate();

/** The kinds of what is in a trace, in the order of their first and their last time. */
function expectOrder(trace: readonly string[], ...kinds: readonly string[]): void {
  const spans = kinds.map((kind) => {
    const at = trace.flatMap((entry, i) => entry === kind || entry.startsWith(`${kind} `) ? [i] : []);
    expect(at.length, `${kind} in: ${trace.join(", ")}`).toBeGreaterThan(0);
    return { kind, first: at[0]!, last: at.at(-1)! };
  });
  spans.slice(1).forEach(({ kind, first }, i) => {
    expect(first, `${kind} after ${spans[i]!.kind} in: ${trace.join(", ")}`).toBeGreaterThan(spans[i]!.last);
  });
}

describe.each(fixtures)("I4 the end of a server over $kind", (on) => {
  it.each(["at once", "one after the other"])(
    "goes listener, drains, goodbyes, sockets, hooks last-in first-out; its connections drain %s",
    async (how) => {
      await rigTest(on, async (rig) => {
        const trace: string[] = [];
        const note = (entry: string) => (): void => void trace.push(entry);
        const last = { finish: (): void => {} };
        const server = await rig.serve(async (connection) => {
          for (const phase of ["release", "goodbye", "drain", "intake"] as const) {
            connection.onPhase(phase, note(`${phase} ${connection.id}`));
          }
          void connection.transport.closed.then(note(`socket ${connection.id}`));
          void connection.closed.then(note(`closed ${connection.id}`));
          await untilDraining(connection);
          if (how !== "at once" && connection.id === 2) {
            await new Promise<void>((resolve) => last.finish = resolve);
          }
          trace.push(`drained ${connection.id}`);
        }, { network: heldNetwork(rig.network, note("listener")) });
        for (const name of ["storage", "cache", "service"]) server.onRelease(name, note(`hook ${name}`));
        for (let i = 0; i < 3; i++) await rig.accepted(server);
        const goodbye = server.goodbye();
        if (how !== "at once") {
          await until(() => trace.includes("drained 3"));
          await turns(50);
          expect(trace.filter((entry) => entry.startsWith("goodbye"))).toEqual([]);
          expect(server.state).toBe("draining");
          last.finish();
        }
        expect((await goodbye).outcome).toBe("clean");
        expectOrder(trace, "listener", "intake", "drained", "goodbye", "socket", "hook");
        expectOrder(trace, "closed", "hook service", "hook cache", "hook storage");
        for (const id of [1, 2, 3]) {
          const steps = trace.filter((entry) => entry.endsWith(` ${id}`) && !entry.startsWith("drained"));
          const order = ["intake", "drain", "goodbye", "socket", "release", "closed"];
          expect(steps).toEqual(order.map((step) => `${step} ${id}`));
        }
      })();
    },
  );
});

/** Notes the goodbyes that a server writes, as they are written, and each of its sockets that is closed. */
function notingStreams(inner: Network, note: (entry: string) => void): Network {
  const noting = (transport: Transport): Transport => {
    const decoder = new FrameDecoder();
    const write = transport.write.bind(transport);
    transport.write = (bytes) => {
      decoder.push(Uint8Array.from(bytes), ({ command }) => {
        if (command === "SERVER_GOODBYE_REQUEST") note("goodbye");
      });
      return write(bytes);
    };
    void transport.closed.then(() => note("socket"));
    return transport;
  };
  return {
    dial: inner.dial,
    listen: (target, handler, options) => {
      const connection = (transport: Transport): void => handler.connection(noting(transport));
      return inner.listen(target, { ...handler, connection }, options);
    },
  };
}

describe.each([memory, tcp])("I4 the end of a broker over $name", (ground) => {
  it("goes listener, acknowledgements, goodbyes, sockets, storage", async () => {
    const { trace, outcome, held } = await endBroker(ground);
    expect(outcome).toBe("clean");
    expectOrder(trace, "listener", "acknowledged", "goodbye", "socket", "released", "farewell");
    // Everybody is told once, and what is stored stays as long as anybody could ask for it.
    expect(held).toEqual({ goodbye: [2, 2], socket: [2, 2], farewell: [0] });
  });
});

/** Ends a broker that waits for an acknowledgement and keeps two messages for late subscribers. */
async function endBroker(ground: Ground): Promise<{
  trace: string[];
  outcome: string;
  held: Record<string, number[]>;
}> {
  const trace: string[] = [];
  const held: Record<string, number[]> = {};
  const note = (entry: string): void => {
    trace.push(entry);
    if (["goodbye", "socket", "farewell"].includes(entry)) {
      const { topics } = broker.inspect();
      (held[entry] ??= []).push(topics.reduce((sum, { retained }) => sum + retained, 0));
    }
  };
  const network = gate.watch(ground.network());
  const noting = heldNetwork(notingStreams(network, note), () => note("listener"));
  const broker = await startBroker({ port: 0, network: noting, retain: 2 });
  const unwatch = watchTraces((message) => {
    if (message.endpoint !== "broker") return;
    if (message.type === "phase" && message.phase === "release") note("released");
    if (message.type === "farewell") note("farewell");
  });
  try {
    const publisher = await WireClient.publisher(broker.url, { network });
    const busy = await WireClient.subscriber(broker.url, "busy", ["work"], { network });
    for (const topic of ["later", "work"]) await publisher.publish(topic, "x");
    const push = await busy.expect("ASYNC_MESSAGE_TO_CLIENT");
    const goodbye = broker.goodbye();
    await until(() => trace.includes("listener"));
    await turns(20);
    trace.push("acknowledged");
    busy.ack(push);
    await Promise.all([publisher, busy].map(async (client) => {
      await client.expect("SERVER_GOODBYE_REQUEST");
      client.send({ cmd: "SERVER_GOODBYE_RESPONSE" });
      await client.untilEnded();
      await client.end();
    }));
    const { outcome } = await goodbye;
    return { trace, outcome, held };
  } finally {
    unwatch();
    await broker.goodbye({ grace: 0 });
  }
}
