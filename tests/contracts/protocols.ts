import { startBroker } from "../../lib/broker/mod.ts";
import { connect as connectEventMesh, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { BackoffOptions } from "../../lib/flow/mod.ts";
import type { MessageConnection, SubscribeOptions, Subscription } from "../../lib/messaging/mod.ts";
import { connect as connectNats, type NatsConnection } from "../../lib/nats/mod.ts";
import type { Counted, Network } from "../../lib/net/mod.ts";
import { startFakeNats } from "../nats/server.ts";
import type { Ground } from "./grounds.ts";

/** A protocol of messages and a server of it in this process, for suites that hold for all of them. */
export interface Protocol<Connection extends MessageConnection = MessageConnection> {
  /** As in the names of suites. */
  readonly name: string;
  /** Starts a server. */
  serve(network: Network & Counted, ground: Ground): Promise<ProtocolServer>;
  connect(url: string, options: ClientOptions): Promise<Connection>;
  /** Subscribes to what wants a reply. */
  subscribeToRequests(connection: MessageConnection, topic: string): Promise<Subscription>;
  /** The kinds of subscription there are. */
  readonly subscriptions: readonly SubscriptionKind[];
  /** How soon the connection of this number, from 0, comes back after a loss, where a server loses nothing by it. */
  comeBack(index: number): BackoffOptions;
  /** A server says goodbye before it goes. */
  readonly polite: boolean;
}

/** A server of a {@linkcode Protocol}. */
export interface ProtocolServer {
  readonly url: string;
  /** Ends it, and proves that nothing is left. */
  goodbye(): Promise<unknown>;
}

/** What clients of all protocols take. */
export interface ClientOptions {
  readonly network: Network;
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number | undefined;
  readonly reconnect?: false | (BackoffOptions & { readonly attempts?: number | undefined }) | undefined;
  readonly window?: number | undefined;
  readonly tls?: { readonly ca?: string | undefined } | undefined;
  /** Tells it from other clients, where the protocol asks for that. */
  readonly role?: string | undefined;
}

/** A kind of subscription, by what it lives on. */
export interface SubscriptionKind {
  readonly name: string;
  readonly options: SubscribeOptions;
  /** It lives on the stream of its connection. */
  readonly shared: boolean;
}

export const eventMesh: Protocol<EventMeshConnection> = {
  name: "EventMesh",
  async serve(network, ground) {
    const broker = await startBroker({ port: 0, network, ...ground.server });
    return { url: broker.url, goodbye: () => broker.goodbye({ grace: 1_000 }) };
  },
  connect: (url, { role, ...options }) =>
    connectEventMesh(url, role === undefined ? options : { ...options, group: role }),
  subscribeToRequests: (connection, topic) =>
    (connection as EventMeshConnection).subscribe(topic, { type: "sync" }),
  subscriptions: [{ name: "subscription", options: {}, shared: false }],
  comeBack: () => ({ min: 5, max: 5 }),
  polite: true,
};

export const nats: Protocol<NatsConnection> = {
  name: "NATS",
  async serve(network, ground) {
    const server = await startFakeNats({ network, ...ground.server });
    return { url: server.url, goodbye: () => server.close() };
  },
  // Over TLS from the first byte: what begins in clear needs a server of its own, see tests/nats/connect.test.ts.
  connect: (url, { role, tls, ...options }) =>
    connectNats(url, {
      ...options,
      name: role,
      tls: tls === undefined ? undefined : { ...tls, handshakeFirst: true },
    }),
  subscribeToRequests: (connection, topic) => connection.subscribe(topic),
  subscriptions: [
    { name: "subscription with a connection of its own", options: { overflow: "pause" }, shared: false },
    { name: "subscription on a shared connection", options: { overflow: "drop-oldest" }, shared: true },
  ],
  // The first connection, which publishes, comes back after those that subscribe: NATS keeps nothing for who is not there.
  comeBack(index) {
    const wait = index === 0 ? 100 : 5;
    return { min: wait, max: wait, jitter: 0 };
  },
  polite: false,
};

export const protocols: readonly Protocol[] = [eventMesh, nats];
