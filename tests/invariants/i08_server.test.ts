import { describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { encodeEvent, FrameWriter, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, type Transport } from "../../lib/net/mod.ts";
import { bytesOf, fixtures, rigTest, type ServeFixture } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { WireClient } from "../support/wire_client.ts";
import { clientOptions, listenTarget } from "./i08_streams.ts";

const gate = leakGate();
const word = "[goodbye]";
const unread = 512 * 1_024;

/** Reads a bit, rests a while, and so on until the stream is over. */
async function readSlowly(transport: Transport, over: () => boolean): Promise<void> {
  for (let i = 0; i < 5_000 && !over(); i++) {
    transport.resume();
    await turns(1);
    transport.pause();
    await turns(3);
  }
  transport.resume();
}

describe.each(fixtures)(
  "I8 goodbye: a server over $kind says one goodbye and FIN, and never resets,",
  (on) => {
    it.each([
      ["a peer that has nothing to say", ""],
      ["a peer with a partial frame", "\0\0\0\x10half of it"],
      ["a peer with 512 KB that nobody reads", "x".repeat(unread)],
      ["a peer that goes on sending", "more"],
    ])("to %s", (name, inbound) =>
      rigTest(on, async (rig) => {
        const server = await rig.serve(async (connection) => {
          connection.onPhase("goodbye", () => connection.write(bytesOf(word)));
          await new Promise((resolve) => connection.draining.addEventListener("abort", resolve));
        });
        const peer = await rig.accepted(server);
        if (inbound !== "") {
          peer.send(inbound);
          const least = Math.min(inbound.length, 65_536);
          await until(() => server.inspect().connections[0]!.bytesIn >= least);
        }
        if (name.includes("goes on")) peer.onData = () => peer.transport.write(new Uint8Array(unread));
        const farewell = await server.goodbye();
        await peer.gone();
        expect({ text: peer.text, ended: peer.ended, error: peer.error }).toEqual({
          text: word,
          ended: true,
          error: undefined,
        });
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        expect(farewell.connections).toEqual({ opened: 1, clean: 1, forced: 0, lost: 0, refused: 0 });
      })());

    it(
      "to a peer that reads slowly, behind all that was written before",
      rigTest(on, async (rig) => {
        const size = 2_097_152;
        const server = await rig.serve(async (connection) => {
          connection.onPhase("goodbye", () => void connection.write(bytesOf(word)));
          void connection.write(new Uint8Array(size));
          await new Promise((resolve) => connection.draining.addEventListener("abort", resolve));
        });
        const peer = await rig.connect(server);
        peer.transport.pause();
        let tail = "";
        peer.onData = (chunk) =>
          void (tail = (tail + new TextDecoder().decode(chunk.subarray(-16))).slice(-16));
        await until(() => (server.inspect().connections[0]?.bytesOut ?? 0) === size);
        const leaving = server.goodbye({ grace: 30_000 });
        await readSlowly(peer.transport, () => peer.closed);
        const farewell = await leaving;
        await peer.gone();
        expect({ bytes: peer.bytes, ended: peer.ended, error: peer.error }).toEqual({
          bytes: size + word.length,
          ended: true,
          error: undefined,
        });
        expect(tail.endsWith(`\0${word}`)).toBe(true);
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
      }),
    );
  },
);

/** The frame of a publish, or many of them. */
function publishes(count: number): Uint8Array {
  const writer = new FrameWriter();
  for (let i = 0; i < count; i++) {
    writer.frame(
      {
        cmd: "ASYNC_MESSAGE_TO_SERVER",
        seq: String(3_000_000_000 + i),
        properties: SELECTORS.eventmeshmessage,
      },
      encodeEvent("eventmeshmessage", { topic: "orders", data: "x".repeat(1_000), properties: {} }),
    );
  }
  return writer.take();
}

interface World {
  readonly broker: Broker;
  publisher(): Promise<WireClient>;
  subscriber(): Promise<WireClient>;
}

function withBroker(on: ServeFixture, body: (world: World) => Promise<void>): Promise<void> {
  return rigTest(on, async (rig) => {
    const { network } = rig;
    const broker = await startBroker({ ...listenTarget(rig), network });
    const how = { network, ...clientOptions(on) };
    await body({
      broker,
      publisher: () => WireClient.publisher(broker.url, how),
      subscriber: () => WireClient.subscriber(broker.url, "readers", ["orders"], how),
    });
    await broker.goodbye({ grace: 0 });
  })();
}

/** Waits for the goodbye, answers it with a frame or with FIN, and has got one, then FIN, and no reset. */
async function farewellOf(client: WireClient, answer: "frame" | "FIN" = "frame"): Promise<void> {
  const goodbyes = (): number => {
    return client.inbox.filter(({ command }) => command === "SERVER_GOODBYE_REQUEST").length;
  };
  await until(() => goodbyes() > 0 || client.closed, { what: "the goodbye" });
  if (answer === "frame") client.send({ cmd: "SERVER_GOODBYE_RESPONSE" });
  else client.transport.end();
  await client.untilEnded();
  client.transport.end();
  const error = await client.transport.closed;
  expect({ goodbyes: goodbyes(), ended: client.ended, error }).toEqual({
    goodbyes: 1,
    ended: true,
    error: undefined,
  });
}

describe.each(fixtures)(
  "I8 goodbye: a broker over $kind says one goodbye and FIN, and never resets,",
  (on) => {
    it.each([
      ["a client that has nothing to say", 0, 0],
      ["a client with a partial frame", 1, 700],
      ["a client with 512 KB on their way", 512, 0],
      ["a client with 512 KB on their way, and a partial frame behind them", 512, 700],
    ])("to %s", (_name, count, cut) =>
      withBroker(on, async ({ broker, publisher }) => {
        const client = await publisher();
        const bytes = publishes(count);
        if (count > 0) client.sendBytes(cut === 0 ? bytes : bytes.subarray(0, -cut));
        const leaving = broker.goodbye();
        // Behind half a frame nothing can be said but FIN.
        await farewellOf(client, cut === 0 ? "frame" : "FIN");
        const farewell = await leaving;
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
        // What was read was answered, before the goodbye or behind it.
        const answers = client.inbox.filter(({ command }) =>
          command === "ASYNC_MESSAGE_TO_SERVER_ACK"
        ).length;
        expect(answers).toBe(farewell.messages.published);
      }));

    it("to a client that reads slowly, behind all that was pushed before", () =>
      withBroker(on, async ({ broker, publisher, subscriber }) => {
        const client = await subscriber();
        client.transport.pause();
        const other = await publisher();
        other.sendBytes(publishes(512));
        await other.settled();
        expect(broker.inspect().inFlight).toBe(512);
        let acked = 0;
        const ack = (): void => {
          for (const push of client.inbox.slice(acked)) {
            acked++;
            if (push.command === "ASYNC_MESSAGE_TO_CLIENT") client.ack(push);
          }
        };
        const leaving = broker.goodbye({ grace: 30_000 });
        await Promise.all([
          readSlowly(client.transport, () => {
            ack();
            return client.ended;
          }),
          farewellOf(client),
          farewellOf(other),
        ]);
        const farewell = await leaving;
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        expect(farewell.messages).toMatchObject({ received: 512, acked: 512 });
      }));

    it("to a client that says goodbye itself at this moment, and answers it", () =>
      withBroker(on, async ({ broker, publisher }) => {
        const client = await publisher();
        const leaving = broker.goodbye();
        client.send({ cmd: "CLIENT_GOODBYE_REQUEST", seq: "1" });
        await client.expect("CLIENT_GOODBYE_RESPONSE");
        client.transport.end();
        expect(await client.transport.closed).toBeUndefined();
        expect(client.inbox.filter(({ command }) => command === "SERVER_GOODBYE_REQUEST").length)
          .toBeLessThanOrEqual(1);
        expect(client.inbox.filter(({ command }) => command === "CLIENT_GOODBYE_RESPONSE")).toEqual([]);
        expect((await leaving).outcome).toBe("clean");
      }));
  },
);

describe("I8 goodbye: the goodbye of a client, split at every byte,", () => {
  const writer = new FrameWriter();
  writer.frame({ cmd: "CLIENT_GOODBYE_REQUEST", seq: "1" });
  const frame = writer.take();

  it("is answered once by the broker", async () => {
    const network = gate.watch(memoryNetwork());
    const broker = await startBroker({ port: 0, network });
    for (let split = 0; split <= frame.length; split++) {
      const client = await WireClient.publisher(broker.url, { network });
      // At the end: byte by byte.
      const pieces = split === frame.length
        ? [...frame].map((byte) => Uint8Array.of(byte))
        : [frame.subarray(0, split), frame.subarray(split)];
      for (const piece of pieces) {
        client.sendBytes(piece);
        await turns(1);
      }
      await client.expect("CLIENT_GOODBYE_RESPONSE");
      client.transport.end();
      expect(await client.transport.closed).toBeUndefined();
      expect(client.inbox.map(({ command }) => command)).toEqual([]);
    }
    const farewell = await broker.goodbye();
    const { outcome, connections } = farewell;
    expect({ outcome, clean: connections.clean }).toEqual({ outcome: "clean", clean: frame.length + 1 });
  });
});
