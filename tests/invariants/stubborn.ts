import type { HookContext } from "../../lib/lifecycle/hooks.ts";
import type { Network, Transport } from "../../lib/net/mod.ts";
import { type ConnectionHandler, serve, type Server, type ServerConnection } from "../../lib/server/mod.ts";
import { until } from "../support/until.ts";
import { untilDraining } from "./kit.ts";

/** What the peer of a connection does. */
export type PeerManner = "polite" | "never reads" | "never ends" | "falls silent" | "floods" | "resets";
/** What the handler of a connection does. */
export type HandlerManner =
  | "obeys"
  | "ignores both signals"
  | "ignores the soft signal"
  | "throws"
  | "hangs in each step";
/** What a release hook does. */
export type HookManner = "works" | "never settles" | "is slow" | "throws" | "rejects when it is told to stop";

export const peerManners: readonly PeerManner[] = [
  "polite",
  "never reads",
  "never ends",
  "falls silent",
  "floods",
  "resets",
];
export const handlerManners: readonly HandlerManner[] = [
  "obeys",
  "ignores both signals",
  "ignores the soft signal",
  "throws",
  "hangs in each step",
];
export const hookManners: readonly HookManner[] = [
  "works",
  "never settles",
  "is slow",
  "throws",
  "rejects when it is told to stop",
];

/** A server with everything around it that does not want it to end. */
export interface StubbornServer {
  readonly server: Server;
  /** Hooks that were started, in their order. */
  readonly hooks: HookManner[];
  /** Frees the peers. */
  end(): Promise<void>;
}

/** Who is around a {@linkcode StubbornServer}: one connection for each pair, and the hooks in the order of registration. */
export interface Crowd {
  readonly connections: readonly (readonly [PeerManner, HandlerManner])[];
  readonly hooks: readonly HookManner[];
}

/** All of them at once. */
export const everybody: Crowd = {
  connections: [
    ...peerManners.map((peer) => [peer, "obeys"] as const),
    ...handlerManners.map((handler) => ["polite", handler] as const),
    ["never reads", "hangs in each step"],
    ["floods", "ignores both signals"],
  ],
  hooks: hookManners,
};

export async function stubbornServer(network: Network, crowd: Crowd): Promise<StubbornServer> {
  const hooks: HookManner[] = [];
  const peers: Transport[] = [];
  const server = await serve((connection) => {
    connection.onPhase("goodbye", () => void connection.write(new Uint8Array(65_536)));
    return handlers[crowd.connections[connection.id - 1]![1]](connection);
  }, { network });
  for (const manner of crowd.hooks) {
    server.onRelease(manner, (context) => {
      hooks.push(manner);
      return hookBodies[manner](context);
    });
  }
  for (const [manner] of crowd.connections) {
    const { accepted } = server.inspect();
    const peer = await network.dial(server.address, {});
    peers.push(peer);
    misbehave(peer, manner);
    await until(() => server.inspect().accepted > accepted, { what: "the connection to be accepted" });
  }
  return {
    server,
    hooks,
    async end() {
      for (const peer of peers) peer.destroy();
      await Promise.all(peers.map(({ closed }) => closed));
    },
  };
}

function misbehave(peer: Transport, manner: PeerManner): void {
  const polite = manner === "polite" || manner === "never reads";
  peer.start({
    data() {},
    end() {
      if (polite) peer.end();
      if (manner === "resets") peer.reset();
    },
    drain() {},
  });
  if (manner === "never reads") peer.pause();
  if (manner === "falls silent") peer.write(new Uint8Array([0, 0, 0, 16, 1, 2]));
  if (manner !== "floods") return;
  const pour = (): void => {
    if (peer.destroyed) return;
    for (let i = 0; i < 16 && peer.buffered < 1e6; i++) peer.write(new Uint8Array(65_536));
    setTimeout(pour, 5);
  };
  pour();
}

const forEver = (): Promise<never> => new Promise(() => {});

const handlers: Record<HandlerManner, ConnectionHandler> = {
  "obeys": untilDraining,
  "ignores both signals": forEver,
  "ignores the soft signal": ({ signal }) =>
    new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
  "throws": async (connection) => {
    await untilDraining(connection);
    throw new Error("a handler failed");
  },
  "hangs in each step": (connection: ServerConnection) => {
    for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
      connection.onPhase(phase, forEver);
    }
    return untilDraining(connection);
  },
};

const hookBodies: Record<HookManner, (context: HookContext) => unknown> = {
  "works": () => {},
  "never settles": forEver,
  "is slow": () => new Promise<void>((resolve) => setTimeout(resolve, 400)),
  "throws": () => {
    throw new Error("a hook failed");
  },
  "rejects when it is told to stop": ({ signal }) =>
    new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true })),
};
