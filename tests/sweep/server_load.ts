import { delay } from "@std/async/delay";
import { expect } from "vitest";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import { serve, type Server, type ServerConnection } from "../../lib/server/mod.ts";
import type { Interrupt, Scenario, Stage } from "../support/sweep.ts";
import { type Ended, expectEnd } from "./fakes.ts";

/** A server whose connections echo lines, each after a while, and say goodbye. */
export interface ServerWorld {
  readonly stage: Stage;
  readonly server: Server;
  /** What hooks and steps have run, in their order. */
  readonly order: string[];
  /** How many handlers run. */
  readonly running: () => number;
  /** The first of them is the one that the work plays with. */
  readonly peers: readonly LinePeer[];
}

/** The other end: it reads, and answers FIN with FIN. */
export class LinePeer {
  readonly transport: Transport;
  text = "";
  ended = false;
  error: Error | undefined;
  readonly #closed: Promise<unknown>;
  #wake: () => void = () => {};

  constructor(transport: Transport) {
    this.transport = transport;
    this.#closed = transport.closed.then((error) => {
      this.error = error;
      this.#wake();
    });
    transport.start({
      data: (chunk) => {
        this.text += new TextDecoder().decode(chunk);
        this.#wake();
      },
      end: () => {
        this.ended = true;
        transport.end();
        this.#wake();
      },
      drain() {},
    });
  }

  /** Sends a line and waits for its echo, or for the end of the stream. */
  async ask(line: string): Promise<void> {
    this.transport.write(new TextEncoder().encode(`${line}\n`));
    while (!this.text.includes(`${line}\n`) && !this.ended && !this.transport.destroyed) {
      await Promise.race([this.#closed, new Promise<void>((resolve) => this.#wake = resolve)]);
    }
  }
}

/** The server with two peers, without what is done to it. */
export function serverUnderLoad(): Omit<Scenario<ServerWorld, Ended>, "act"> {
  return {
    restless: true,
    async arrange(stage) {
      const { network } = stage;
      const order: string[] = [];
      let running = 0;
      const server = await serve(async (connection) => {
        running++;
        stage.step("a handler begins");
        try {
          await echo(connection, order);
        } finally {
          running--;
          stage.step("a handler ends");
        }
      }, { network });
      server.onRelease("first", () => void order.push("hook first"));
      server.onRelease("second", async ({ signal }) => {
        order.push("hook second");
        stage.step("a hook begins");
        await delay(5, { signal });
      });
      server.onRelease("third", () => void order.push("hook third"));
      const peers = [await peerOf(stage, server), await peerOf(stage, server)];
      return { stage, server, order, running: () => running, peers };
    },
    succeeded: (ended, world, interrupt) => afterServer(ended, world, interrupt, ["clean"]),
    async end({ peers }) {
      for (const { transport } of peers) transport.destroy();
      await Promise.all(peers.map(({ transport }) => transport.closed));
    },
  };
}

export async function peerOf({ network }: Stage, server: Server): Promise<LinePeer> {
  return new LinePeer(await network.dial(server.address, {}));
}

/** Each line is echoed 10 ms later; what was begun is finished, and nothing after that. */
async function echo(connection: ServerConnection, order: string[]): Promise<void> {
  connection.onPhase("goodbye", () => connection.transport.write(new TextEncoder().encode("bye\n")));
  connection.onPhase("release", () => void order.push(`release ${connection.id}`));
  for await (const chunk of connection.readable) {
    await delay(10, { signal: connection.signal });
    await connection.write(chunk);
  }
}

/** Lines of both peers, and a third peer that comes and goes. */
export function lines({ stage, server, peers: [one, other] }: ServerWorld): Promise<unknown>[] {
  const guest = peerOf(stage, server).then(async (peer) => {
    await peer.ask("guest");
    peer.transport.end();
    await peer.transport.closed;
  });
  return [
    one!.ask("one").then(() => one!.ask("two")),
    other!.ask("other"),
    // The listener may be gone by then.
    guest.catch((error: unknown) => expect(error).toMatchObject({ code: "ERR_CONNECT" })),
  ];
}

/**
 * Every hook ran once, in reverse, after the last connection was released; a peer of a clean end has read a goodbye and
 * an end, exactly once.
 */
export async function afterServer(
  ended: Ended,
  world: ServerWorld,
  interrupt: Interrupt,
  allowed: readonly Farewell["outcome"][],
  bystanders: readonly LinePeer[] = world.peers,
): Promise<void> {
  const { server, order, running, peers } = world;
  for (const outcome of ended.outcomes) if (outcome.status === "rejected") throw outcome.reason;
  await expectEnd(server, ended, interrupt, allowed);
  const farewell = await server.closed;
  expect(order.filter((line) => line.startsWith("hook"))).toEqual([
    "hook third",
    "hook second",
    "hook first",
  ]);
  expect(order.slice(-3)).toEqual(["hook third", "hook second", "hook first"]);
  expect(new Set(order).size, order.join()).toBe(order.length);
  // What is done when it is called was never cut.
  const hooks = [farewell, ...farewell.children].flatMap((end) => end.hooks);
  const atOnce = hooks.filter(({ name }) => name !== "second" && name !== "close of the socket");
  expect(atOnce.filter(({ ended }) => ended !== "ok")).toEqual([]);
  expect(server.connections).toBe(0);
  expect(running(), "handlers that still run").toBe(0);
  expect(farewell.connections.opened, "accepted").toBe(server.inspect().accepted);
  if (farewell.outcome !== "clean") return;
  for (const peer of bystanders) {
    await peer.transport.closed;
    expect(peer.text.split("bye\n").length - 1, `goodbyes in ${JSON.stringify(peer.text)}`).toBe(1);
    expect({ ended: peer.ended, error: peer.error }).toEqual({ ended: true, error: undefined });
  }
  expect(peers.length).toBe(2);
}
