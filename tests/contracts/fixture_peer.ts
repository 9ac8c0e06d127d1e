import { onAbort } from "../../lib/lifecycle/abort.ts";
import type { Endpoint, Farewell, GoodbyeOptions } from "../../lib/lifecycle/mod.ts";
import type { Counted, Network } from "../../lib/net/mod.ts";
import { serve, type Server, type ServerConnection } from "../../lib/server/mod.ts";
import { Line } from "./fixture_line.ts";
import { acceptSession, type Session } from "./fixture_session.ts";

/** A session that was asked for and is not made yet. */
interface HalfMade {
  readonly line: Line;
  readonly id: string;
}

/** The other end of the sessions of {@linkcode openSession}: a server that may take its time, and keeps books. */
export class FixturePeer {
  /** Hellos wait for {@linkcode FixturePeer.answer}. */
  late = false;
  /** Sessions that it has, in the order they were made. */
  readonly sessions: Set<Session> = new Set();
  readonly lines: Map<Line, ServerConnection> = new Map();
  /** What was received, as text, and "end" for every stream that its client has ended. */
  readonly log: string[] = [];
  /** Hellos that were received. */
  hellos = 0;
  /** The most it has ever held at a time, half-made or made. */
  most = 0;
  readonly #halfMade: Set<HalfMade> = new Set();
  readonly #warnings: string[] = [];
  #server!: Server;

  static async start(network: Network & Counted): Promise<FixturePeer> {
    const peer = new FixturePeer();
    peer.#server = await serve((connection) => peer.#serve(connection), { network });
    warningsOf(peer.#server, peer.#warnings);
    return peer;
  }

  get target(): { host: string; port: number } {
    return this.#server.address as { host: string; port: number };
  }

  /** What it holds for clients, one line each. */
  held(): string[] {
    return [
      ...[...this.lines.keys()].map(({ transport }) => `a stream from ${transport.remote}`),
      ...[...this.#halfMade].map(({ id }) => `session ${id}, half-made`),
      ...[...this.sessions].map(({ id }) => `session ${id}`),
    ];
  }

  /** Events of level `warn` and above. */
  warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Makes the sessions that were asked for so far. */
  answer(): void {
    for (const halfMade of [...this.#halfMade]) this.#make(halfMade);
  }

  goodbye(): Promise<Farewell> {
    return this.#server.goodbye();
  }

  async #serve(connection: ServerConnection): Promise<void> {
    const line = new Line(connection.transport);
    this.lines.set(line, connection);
    line.onStranger = (verb, id) => {
      if (verb === "hello") this.#hello({ line, id });
    };
    line.onBytes = (bytes) => void this.log.push(new TextDecoder().decode(bytes));
    line.onOver = () => {
      this.log.push("end");
      this.lines.delete(line);
      for (const halfMade of this.#halfMade) if (halfMade.line === line) this.#halfMade.delete(halfMade);
    };
    const sayGoodbye = (options: GoodbyeOptions): Promise<unknown> =>
      Promise.all(
        [...this.sessions].filter((session) => session.line === line).map((session) => {
          return session.goodbye(options);
        }),
      );
    connection.onPhase("goodbye", (step) => {
      return sayGoodbye({ reason: step.reason, signal: step.signal, grace: step.remaining() });
    });
    // Where there is no time for that phase the sessions are told nevertheless, as far as it takes none.
    onAbort(connection.signal, (reason) => void sayGoodbye({ reason, grace: 0 }));
    await connection.closed;
  }

  #hello(halfMade: HalfMade): void {
    this.hellos++;
    this.#halfMade.add(halfMade);
    this.most = Math.max(this.most, this.#halfMade.size + this.sessions.size);
    if (!this.late) this.#make(halfMade);
  }

  #make(halfMade: HalfMade): void {
    this.#halfMade.delete(halfMade);
    const session = acceptSession(halfMade.line, halfMade.id);
    this.sessions.add(session);
    warningsOf(session, this.#warnings);
    void session.closed.then(() => this.sessions.delete(session));
  }
}

/** Collects what an endpoint tells at level `warn` and above. */
export function warningsOf(endpoint: Endpoint, into: string[]): void {
  void (async () => {
    for await (const { level, type } of endpoint.events()) {
      if (level === "warn" || level === "error") into.push(type);
    }
  })();
}
