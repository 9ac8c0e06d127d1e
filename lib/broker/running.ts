import type { RedirectInfo } from "../eventmesh/wire/mod.ts";
import { encodeRedirect, SpareBuffers } from "../eventmesh/wire/mod.ts";
import { LivingEndpoint } from "../lifecycle/base.ts";
import type { GoodbyeOptions } from "../lifecycle/endpoint.ts";
import { now } from "../lifecycle/timer.ts";
import { TimerWheel } from "../lifecycle/wheel.ts";
import type { AcceptedConnection } from "../server/accepted.ts";
import type { ListenAddress, ServeOptions } from "../server/mod.ts";
import { checkServeOptions } from "../server/options.ts";
import { RunningServer } from "../server/running.ts";
import type { Broker, SessionSelector } from "./broker.ts";
import { dispatch, take } from "./commands.ts";
import { Core } from "./core.ts";
import { type BrokerInspection, inspectCore, inspectSession } from "./inspect.ts";
import { LossReport } from "./losses.ts";
import type { BrokerSettings } from "./options.ts";
import { EnvelopeReader } from "./reader.ts";
import { Session, type SessionContext } from "./session.ts";
import { Turn } from "./turn.ts";

/** A broker on a server: the core does the work, sessions are the connections of the server. */
export class RunningBroker extends LivingEndpoint implements Broker {
  readonly #server: RunningServer;
  readonly #core: Core;
  readonly #context: SessionContext;
  readonly #sessions: Set<Session> = new Set();
  readonly #tls: boolean;

  constructor(settings: BrokerSettings, serving: ServeOptions) {
    const wheel = new TimerWheel();
    const losses = new LossReport((news) => server.emit(news, "warn"), now);
    const core = new Core({ settings, timers: wheel, onLoss: (cause) => losses.add(cause) });
    const server = new RunningServer(checkServeOptions(serving), {
      serve: (connection) => this.#serve(connection),
      intake: () => {
        core.tick();
        core.pause();
      },
      report: () => ({ messages: core.ledger.counts(), residue: { timers: wheel.size } }),
    });
    server.onRelease("queues of the broker", () => {
      core.end();
      losses.flush();
    });
    super(server);
    this.#context = {
      core,
      settings,
      outlets: {
        maxFrame: settings.maxFrame,
        patience: settings.sessionExpiry,
        timers: core.timers,
        spare: new SpareBuffers(),
        turn: new Turn(),
      },
      reader: new EnvelopeReader(),
      dispatch,
      take,
      left: (session) => void this.#sessions.delete(session),
    };
    this.#tls = serving.tls !== undefined;
    this.#core = core;
    this.#server = server;
  }

  /** Resolves when it listens. When it rejects, nothing of it is left. */
  listen(): Promise<void> {
    return this.#server.listen();
  }

  get address(): ListenAddress {
    return this.#server.address;
  }
  get url(): string {
    const { address } = this;
    if ("path" in address) {
      return `eventmesh+unix://${address.path.split("/").map(encodeURIComponent).join("/")}`;
    }
    const { host, port } = address;
    return `eventmesh${this.#tls ? "+tls" : ""}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  }

  inspect(): BrokerInspection {
    const { name, state } = this.#server.inspect();
    const sessions = this.#known().map(inspectSession);
    return { name, state, url: this.url, sessions, ...inspectCore(this.#core) };
  }

  redirect(select: SessionSelector, target: RedirectInfo): number {
    // Refused even when nobody is there to be told.
    encodeRedirect(target);
    return this.#select(select).filter((session) => session.redirect(target)).length;
  }

  async disconnect(select: SessionSelector, options: GoodbyeOptions = {}): Promise<number> {
    const sessions = this.#select(select);
    await Promise.all(sessions.map(({ connection }) => connection.goodbye(options)));
    return sessions.length;
  }

  #serve(connection: AcceptedConnection): void {
    connection.serveAs(() => {
      const session = new Session(this.#context, connection);
      this.#sessions.add(session);
      connection.transport.start(session);
      return session;
    });
  }

  /** The sessions that have said hello. */
  #known(): Session[] {
    return [...this.#sessions].filter(({ identity }) => identity !== undefined);
  }

  #select(select: SessionSelector): Session[] {
    if (typeof select === "function") {
      return this.#known().filter((session) => select(inspectSession(session)));
    }
    if (typeof select === "number") return this.#known().filter(({ id }) => id === select);
    throw new TypeError(`Cannot select sessions: expected an id or a function, got ${typeof select}`);
  }
}
