import {
  type ConnectionOptions,
  type Deferred,
  deferred,
  NatsConnectionImpl,
  ProtocolHandler,
  type Server,
  type Status,
} from "@nats-io/nats-core/internal";
import { Intake } from "./intake.ts";
import { Interest } from "./interests.ts";
import type { Wire } from "./wire.ts";

/** What a {@linkcode Protocol} needs of the link that owns it. */
export interface ProtocolHost {
  /** A fresh wire for one attempt. */
  wire(): Wire;
  /** The server has let us in; from now on the wire is written to. */
  up(): void;
  /** The wire of a connection that was up is gone. */
  down(error: Error | undefined): void;
  status(status: Status): void;
  /** Whoever has the raw connection has closed it. */
  closed(): void;
}

/** The members of the official protocol handler that are built on. */
type Known = Pick<
  ProtocolHandler,
  | "_closed"
  | "connected"
  | "connectedOnce"
  | "connectError"
  | "heartbeats"
  | "inBytes"
  | "info"
  | "inMsgs"
  | "lastError"
  | "outbound"
  | "parser"
  | "pongs"
  | "resetOutbound"
  | "sendSubscriptions"
  | "server"
  | "servers"
  | "subscriptions"
  | "subscribe"
  | "transport"
  | "unsub"
  | "isClosed"
>;

/** Those that are replaced, and those that its types call private. */
interface Handler extends Known {
  prepare(): Deferred<void>;
  flushPending(): void;
  dialLoop(): Promise<void>;
  disconnect(): void;
  dispatchStatus(status: Status): void;
  handleAuthError(error: Error): void;
  processPong(): void;
  reconnect(): Promise<void>;
  close(error?: Error): Promise<void>;
}

const Base = ProtocolHandler as unknown as new (
  options: ConnectionOptions,
  publisher: NatsConnectionImpl,
) => Handler;
const RawConnection = NatsConnectionImpl as unknown as new (options: ConnectionOptions) => NatsConnectionImpl;

/**
 * The official client's protocol handler with another way to connect and another way in. It keeps the subscriptions and
 * subscribes them again, answers PING, sends heartbeats, logs in, knows the servers of the cluster, and parses all but the
 * messages for subscriptions of ours, which are taken out of the stream before; when and where to connect is up to the
 * link, and so is the transport. That of the client itself is a setting of the whole process: one connection over
 * WebSocket makes all others of the process reconnect that way.
 */
export class Protocol extends Base {
  readonly connection: NatsConnectionImpl;
  readonly #host: ProtocolHost;
  #closing = false;
  #end: Promise<void> | undefined = undefined;

  constructor(options: ConnectionOptions, host: ProtocolHost) {
    const connection = new RawConnection(options);
    super(connection.options, connection);
    this.#host = host;
    this.connection = connection;
    connection.protocol = this as unknown as ProtocolHandler;
  }

  get wire(): Wire {
    return this.transport as Wire;
  }

  /** Forgets what belongs to the connection before. The first answer belongs to the PING behind our CONNECT. */
  override prepare(): Deferred<void> {
    this.info = undefined as never;
    this.lastError = undefined as never;
    this.resetOutbound();
    const pong = deferred<void>();
    pong.catch(() => {});
    this.pongs.unshift(pong);
    this.connectError = (error) => pong.reject(error);
    this.transport = this.#host.wire();
    return pong;
  }

  /** One attempt. Create-or-nothing; rejects with `signal.reason` itself after an abort. */
  async attempt(server: Server & { tlsName: string }, signal: AbortSignal): Promise<void> {
    const pong = this.prepare();
    const { wire } = this;
    const onAbort = (): void => pong.reject(signal.reason as Error);
    try {
      const { hostname: host, port, tlsName } = server;
      await wire.open({ host, port, tlsName }, signal);
      signal.addEventListener("abort", onAbort);
      if (signal.aborted) throw signal.reason;
      void wire.closed().then((error) => {
        pong.reject(wire.why ?? this.lastError ?? error ?? new Error("the server ended the connection"));
        this.#lost(wire, error as Error | undefined);
      });
      const intake = new Intake(this.parser, (sid) => this.#takerOf(sid));
      wire.begin((chunk) => intake.take(chunk));
      await pong;
      if (wire.isClosed) throw wire.closeError ?? new Error("the server ended the connection");
    } catch (error) {
      // Decided now: what happens while the wire is freed changes nothing.
      const failure = error;
      await wire.close();
      throw failure;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    const again = this.connectedOnce;
    this.connected = true;
    this.connectError = undefined as never;
    this.connectedOnce = true;
    this.server.didConnect = true;
    this.server.reconnects = 0;
    this.sendSubscriptions();
    this.flushPending();
    this.heartbeats.start();
    if (again) this.dispatchStatus({ type: "reconnect", server: this.server.listen });
    this.#host.up();
  }

  /** Nobody dials but the link. */
  override dialLoop(): Promise<void> {
    return Promise.reject(new TypeError("Cannot dial: the link does"));
  }

  /** Heartbeats have stayed unanswered. */
  override disconnect(): void {
    this.dispatchStatus({ type: "staleConnection" });
    this.wire.destroy(new Error("the server has not answered heartbeats"));
  }

  /** Asked for through the raw connection. */
  override reconnect(): Promise<void> {
    if (this.connected) {
      this.dispatchStatus({ type: "forceReconnect" });
      this.wire.destroy(new Error("its raw connection was told to reconnect"));
    }
    return Promise.resolve();
  }

  /** The server does not let us in, or does so no longer. */
  override handleAuthError(error: Error): void {
    if (this.connectError === undefined) this.wire.destroy(error);
    else this.connectError(error);
  }

  /** It goes on after what it may have complained of: if the connection is lost later, that was not why. */
  override processPong(): void {
    this.lastError = undefined as never;
    super.processPong();
  }

  override dispatchStatus(status: Status): void {
    super.dispatchStatus(status);
    this.#host.status(status);
  }

  /** Ends it: the raw connection is closed from now on. */
  end(): Promise<void> {
    this.#closing = true;
    return this.close();
  }

  /** The client's own returns at once when another call of it is under way: here all wait for the same end. */
  override close(error?: Error): Promise<void> {
    if (!this.#closing) this.#host.closed();
    this.#closing = true;
    return this.#end ??= this.#close(error);
  }

  async #close(error: Error | undefined): Promise<void> {
    // It closes the transport, whether there has been one or not.
    this.transport ??= this.#host.wire();
    await super.close(error);
    // What is flushed through the raw connection would wait for ever.
    this.#giveUp();
  }

  /** What was to be written, and answers that will not come. Without any of it the error that is made for it is too much. */
  #giveUp(): void {
    if (this.pongs.length > 0 || this.outbound.length() > 0) this.resetOutbound();
  }

  /** One that is to end after so many messages is left to the client, which ends it. */
  #takerOf(sid: number): Interest | undefined {
    const subscription = this.subscriptions.get(sid);
    return subscription instanceof Interest && subscription.max === undefined ? subscription : undefined;
  }

  #lost(wire: Wire, error: Error | undefined): void {
    if (wire !== this.transport || !this.connected) return;
    this.connected = false;
    this.heartbeats.cancel();
    // A server says why it ends a connection, and may then reset it.
    const why = wire.why ?? this.lastError ?? error;
    this.#giveUp();
    this.dispatchStatus({ type: "disconnect", server: this.server.listen });
    this.#host.down(why);
  }
}
