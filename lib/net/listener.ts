import type { ListenOptions, Server, Socket } from "node:net";
import { ConnectError } from "../errors.ts";
import { now } from "../lifecycle/timer.ts";
import { formatAddress, targetText } from "./address.ts";
import { Handshakes } from "./handshake.ts";
import type { Registry } from "./registry.ts";
import { type SocketFacts, socketTransport } from "./socket.ts";
import { toError } from "./thrown.ts";
import type { ListenAddress, Listener, ListenHandler } from "./transport.ts";

export interface ListenerOptions {
  readonly kind: "tcp" | "tls" | "unix";
  readonly handler: ListenHandler;
  readonly registry: Registry;
  readonly highWaterMark: number;
  /** Milliseconds that a TLS handshake may take. */
  readonly handshakeTimeout: number;
}

/** A listener over a server of `node:net` or `node:tls` that is about to listen. */
export class SocketListener implements Listener {
  readonly closed: Promise<Error | undefined>;
  readonly #server: Server;
  readonly #options: ListenerOptions;
  readonly #handshakes: Handshakes;
  #address: ListenAddress | undefined = undefined;
  /** The address as text. */
  #here = "";
  /** What the streams have in common. */
  #facts: SocketFacts | undefined = undefined;
  /** It listens on all addresses of the system. */
  #everywhere = false;
  #release = (): void => {};
  #settle!: (error: Error | undefined) => void;
  #ending: Promise<void> | undefined = undefined;
  #quietUntil = 0;
  #quiet = 0;

  constructor(server: Server, options: ListenerOptions) {
    this.#server = server;
    this.#options = options;
    this.#handshakes = new Handshakes(options.registry, options.handshakeTimeout, this.#handshakeError);
    this.closed = new Promise((resolve) => this.#settle = resolve);
    if (options.kind === "tls") {
      server.on("connection", (raw) => this.#begin(raw));
      server.on("secureConnection", (secure: Socket) => this.#secure(secure));
      server.on("tlsClientError", (error: Error, secure: Socket) => this.#handshakes.fail(error, secure));
    } else {
      server.on("connection", (socket) => this.#accept(socket));
    }
  }

  get address(): ListenAddress {
    if (this.#address === undefined) {
      throw new TypeError("Cannot read the address of a listener: it never listened");
    }
    return this.#address;
  }

  /** Binds and listens. Resolves with the error of the system when that fails; nothing is left then. */
  bind(where: ListenOptions): Promise<NodeJS.ErrnoException | undefined> {
    const server = this.#server;
    return new Promise((resolve) => {
      const onListening = (): void => {
        server.off("error", onError);
        server.on("error", (error) => this.#serverError(error));
        const address = server.address();
        this.#address = typeof address === "object" && address !== null
          ? { host: address.address, port: address.port }
          : { path: where.path ?? "" };
        this.#here = targetText(this.#address);
        this.#everywhere = "host" in this.#address && /^(::|0\.0\.0\.0)$/.test(this.#address.host);
        server.once("close", () => this.#fail(new Error("the server was closed by somebody else")));
        this.#release = this.#options.registry.listener();
        resolve(undefined);
      };
      const onError = (error: NodeJS.ErrnoException): void => {
        server.off("listening", onListening);
        server.off("error", onError);
        server.on("error", () => {});
        resolve(error);
      };
      server.once("listening", onListening);
      server.once("error", onError);
      server.listen(where);
    });
  }

  close(): Promise<void> {
    return this.#end(undefined);
  }

  #end(error: Error | undefined): Promise<void> {
    this.#ending ??= this.#free().then(() => this.#settle(error));
    return this.#ending;
  }

  /**
   * The callback of `close` waits for every stream that was handed out. The descriptor does not: on Node, Bun and Deno
   * it is gone when the call returns, and so is the file of a unix socket: the next `listen` succeeds at once.
   */
  async #free(): Promise<void> {
    this.#server.close();
    await this.#handshakes.cut();
    this.#release();
  }

  /** The runtime may still hand out what the kernel had accepted before the end. */
  #late(socket: Socket): boolean {
    if (this.#ending === undefined && this.#address !== undefined) return false;
    socket.on("error", () => {});
    this.#options.registry.systemSocket(socket);
    if (this.#options.kind === "unix") socket.destroy();
    else socket.resetAndDestroy();
    this.#options.handler.refused?.();
    return true;
  }

  #begin(raw: Socket): void {
    if (this.#late(raw)) return;
    this.#quiet = 0;
    this.#handshakes.begin(raw);
  }

  #secure(secure: Socket): void {
    if (this.#ending !== undefined || !this.#handshakes.complete(secure)) {
      secure.on("error", () => {});
      secure.destroy();
      return;
    }
    secure.allowHalfOpen = true;
    this.#handOut(secure);
  }

  #accept(socket: Socket): void {
    if (this.#late(socket)) return;
    this.#quiet = 0;
    this.#handOut(socket);
  }

  #handOut(socket: Socket): void {
    const { handler, kind } = this.#options;
    const { remoteAddress, remotePort } = socket;
    const remote = kind === "unix" ? this.#here : formatAddress(remoteAddress ?? "unknown", remotePort ?? 0);
    const transport = socketTransport(socket, remote, this.#factsOf(socket));
    try {
      handler.connection(transport);
    } catch (error) {
      transport.destroy(toError(error));
      if (this.#ending === undefined) handler.handshakeError(toError(error));
    }
  }

  /** This end of a stream is where the listener is, unless that is on many addresses. */
  #factsOf(socket: Socket): SocketFacts {
    if (!this.#everywhere) return this.#facts ??= { ...this.#options, local: this.#here };
    const { localAddress = "unknown", localPort = 0 } = socket;
    return { ...this.#options, local: formatAddress(localAddress, localPort) };
  }

  readonly #handshakeError = (error: Error): void => {
    const { handler } = this.#options;
    if (this.#ending === undefined) handler.handshakeError(error);
    else handler.refused?.();
  };

  #fail(cause: Error): void {
    if (this.#ending !== undefined) return;
    const address = targetText(this.address);
    const text = `Cannot accept connections on ${address} any longer: ${cause.message}`;
    void this.#end(new ConnectError(text, { cause, address }));
  }

  #serverError(error: NodeJS.ErrnoException): void {
    if (this.#ending !== undefined) return;
    if (!transientCodes.has(error.code ?? "")) return this.#fail(error);
    // A system out of descriptors can fail thousands of times a second: report the first, then ever more rarely.
    if (this.#quiet > 0 && now() < this.#quietUntil) return;
    this.#quiet = Math.min(1000, this.#quiet * 2 || 50);
    this.#quietUntil = now() + this.#quiet;
    this.#options.handler.acceptError(error);
  }
}

/** What `accept` gives for one stream or for now (its manual page), while the listening socket stays sound. */
const transientCodes: ReadonlySet<string> = new Set([
  ..."EMFILE ENFILE ENOBUFS ENOMEM ECONNABORTED EAGAIN EINTR EPROTO EPERM".split(" "),
  ..."ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH EOPNOTSUPP ENETUNREACH ETIMEDOUT".split(" "),
]);
