import { Buffer } from "node:buffer";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { FrameDecoder } from "../../lib/eventmesh/wire/mod.ts";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import { type Counted, type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import type { BorrowingFixture, BorrowingWorld } from "./borrowing.ts";
import { Line } from "./fixture_line.ts";
import { FixturePeer, warningsOf } from "./fixture_peer.ts";
import { connectSession, openSession, type Session } from "./fixture_session.ts";
import type { Ground } from "./grounds.ts";

/** What can live on something that was lent, by its name. */
export interface NamedBorrowing {
  readonly name: string;
  readonly fixture: BorrowingFixture;
}

export function borrowingFixtures(gate: LeakGate, ground: Ground): readonly NamedBorrowing[] {
  const network = (): Network & Counted => gate.watch(ground.network());
  return [
    {
      name: `session over ${ground.name}`,
      fixture: { shares: true, warns: true, open: () => openClientSessions(network()) },
    },
    {
      name: `session of a server's connection over ${ground.name}`,
      fixture: { shares: true, warns: true, open: () => openServerSessions(network()) },
    },
  ];
}

/** A connection that makes a network of its own makes that of the system. */
export function networkBorrowing(gate: LeakGate): NamedBorrowing {
  return {
    name: "EventMesh connection and its network",
    fixture: { lends: "network", shares: true, open: () => openConnections(gate.watch(systemNetwork())) },
  };
}

/** Sessions at the client: the stream was lent to them, or is their own. */
async function openClientSessions(network: Network & Counted): Promise<BorrowingWorld> {
  const peer = await FixturePeer.start(network);
  const lent = new Line(await network.dial(peer.target, {}));
  const companion = await openSession(lent, { owned: false });
  return {
    session: (whose) =>
      whose === "owned" ? connectSession(network, peer.target, {}) : openSession(lent, { owned: false }),
    works: () => companion.ping(),
    heard: () => goodbyesIn(peer.log),
    held: () => [...peer.sessions].slice(1).map(({ id }) => `session ${id}`),
    warnings: () => peer.warnings(),
    cut: () => lent.transport.destroy(),
    async end() {
      await companion.goodbye();
      lent.transport.end();
      await lent.closed;
      await peer.goodbye();
    },
  };
}

/** Sessions at the server: the stream belongs to its connection, which takes them with it when it ends. */
async function openServerSessions(network: Network & Counted): Promise<BorrowingWorld> {
  const peer = await FixturePeer.start(network);
  const log: string[] = [];
  const warnings: string[] = [];
  const clients = new Set<Session>();
  const lines: Line[] = [];
  const dial = async (): Promise<Line> => {
    const line = new Line(await network.dial(peer.target, {}));
    line.onBytes = (bytes) => void log.push(new TextDecoder().decode(bytes));
    line.onOver = () => void log.push("end");
    lines.push(line);
    return line;
  };
  const open = async (line: Line): Promise<{ client: Session; session: Session }> => {
    const client = await openSession(line, { owned: false });
    clients.add(client);
    void client.closed.then(() => clients.delete(client));
    warningsOf(client, warnings);
    return { client, session: [...peer.sessions].at(-1)! };
  };
  const lent = await dial();
  const { session: companion } = await open(lent);
  return {
    async session(whose): Promise<Endpoint> {
      const { session } = await open(whose === "owned" ? await dial() : lent);
      return whose === "owned" ? peer.lines.get(session.line)! : session;
    },
    works: () => companion.ping(),
    heard: () => goodbyesIn(log),
    held: () => [...clients].slice(1).map(({ id }) => `session ${id}`),
    warnings: () => warnings,
    cut: () => lent.transport.destroy(),
    async end() {
      await peer.goodbye();
      await Promise.all(lines.map(({ closed }) => closed));
    },
  };
}

/** Takes the goodbyes and ends out of a log. The number of a session is not of its goodbye. */
function goodbyesIn(log: string[]): string[] {
  const lines = log.splice(0).flatMap((text) => text.split("\n"));
  return lines.filter((line) => line === "end" || line.startsWith("bye"))
    .map((line) => line === "end" ? line : Buffer.from(line.replace(/\d+/, "0")).toString("hex"));
}

/** Connections that share a network, or make one of their own. */
async function openConnections(shared: Network & Counted): Promise<BorrowingWorld> {
  const heard: string[] = [];
  let listening = false;
  const broker = await startBroker({
    port: 0,
    network: tapped(shared, () => listening ? heard : undefined),
  });
  const warnings: string[] = [];
  warningsOf(broker, warnings);
  const companion: EventMeshConnection = await connect(broker.url, { network: shared });
  return {
    async session(whose) {
      listening = true;
      const session = await connect(broker.url, whose === "owned" ? {} : { network: shared });
      listening = false;
      return session;
    },
    async works() {
      await companion.publish("orders", "still there");
      await connect(broker.url, { network: shared }).then((other) => other.goodbye());
    },
    heard: () => heard.splice(0),
    held: () => broker.inspect().sessions.slice(1).map(({ id }) => `session ${id}`),
    warnings: () => warnings,
    async end() {
      await companion.goodbye();
      await broker.goodbye();
    },
  };
}

/** Writes down the goodbyes of clients, and the ends of their streams, as the server hears them. */
function tapped(inner: Network & Counted, book: () => string[] | undefined): Network & Counted {
  const tap = (transport: Transport, heard: string[]): void => {
    const decoder = new FrameDecoder();
    const start = transport.start.bind(transport);
    const bytes: Uint8Array[] = [];
    transport.start = (handler) =>
      start({
        data(chunk) {
          bytes.push(chunk);
          decoder.push(chunk, ({ command }) => {
            if (command === "CLIENT_GOODBYE_REQUEST") heard.push(lastFrame(Buffer.concat(bytes)));
          });
          handler.data(chunk);
        },
        end() {
          heard.push("end");
          handler.end();
        },
        drain: () => handler.drain(),
      });
  };
  return {
    ...inner,
    listen: (target, handler, options) =>
      inner.listen(target, {
        ...handler,
        connection(transport) {
          const heard = book();
          if (heard !== undefined) tap(transport, heard);
          handler.connection(transport);
        },
      }, options),
  };
}

/** The number of a request is not of its goodbye. */
function lastFrame(bytes: Buffer): string {
  const text = bytes.subarray(bytes.lastIndexOf("EventMesh")).toString("latin1");
  return Buffer.from(text.replace(/"seq":"\d+"/, '"seq":"0"'), "latin1").toString("hex");
}
