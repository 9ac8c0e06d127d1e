import { Exchange } from "../flow/exchange.ts";
import { Outbox } from "../flow/outbox.ts";
import { abortable } from "../lifecycle/abort.ts";
import { ignoreRejection } from "../lifecycle/deferred.ts";
import { limited } from "../lifecycle/limit.ts";
import type { Step } from "../lifecycle/lifecycle.ts";
import { now } from "../lifecycle/timer.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { Transport } from "../net/transport.ts";
import { Deliveries } from "./deliveries.ts";
import { explain, lossOf, Refusal, refusalOf } from "./failure.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Server } from "./url.ts";
import {
  type Command,
  encodeUserAgent,
  type FrameBody,
  FrameDecoder,
  type FrameTemplate,
  FrameWriter,
  type Head,
  type Header,
  type Packet,
  type Purpose,
} from "./wire/mod.ts";

/** What a session needs of the connection it belongs to. */
export interface SessionContext {
  readonly options: ResolvedOptions;
  readonly wheel: TimerWheel;
  /** Gives out sequence numbers, unique over all sessions of the connection. */
  nextSeq(): number;
}

/** Told what happens on a session. */
export interface SessionHandler {
  /** A packet that is not an answer to the session's own requests. */
  packet(packet: Packet, session: Session): void;
  /** A publish has succeeded, and the server says no more about it; false: this is to come as a packet. */
  confirmed(seqNumber: number): boolean;
  /** The transport has room again after `write` had filled it. */
  drain(session: Session): void;
  full(session: Session): void;
  /** The server has said goodbye. */
  leaving(session: Session, packet: Packet): void;
  /** The transport is gone. Called once, with the error that ended it. */
  ended(session: Session, error: Error | undefined): void;
}

/** How a session ended: with a goodbye of both sides, cut by us, or lost. */
export type SessionEnd = "clean" | "forced" | "lost";

/** A request of the session itself: hello, subscribe, listen, heartbeat, goodbye. */
interface Control {
  readonly cmd: Command;
  readonly body: string | undefined;
}

/** Answers that belong to a {@linkcode Control}. */
const answers: ReadonlySet<string> = new Set<Command>([
  "HELLO_RESPONSE",
  "HEARTBEAT_RESPONSE",
  "SUBSCRIBE_RESPONSE",
  "LISTEN_RESPONSE",
  "CLIENT_GOODBYE_RESPONSE",
]);

/** Milliseconds that the answer to a heartbeat is waited for. */
const heartbeatTimeout = 20_000;
/** Milliseconds that a server which has answered the goodbye gets to end its side too. */
const lingering = 1_000;

/**
 * One life of the transport under a connection: from hello to goodbye. All state of the wire is here and starts afresh
 * with the next session.
 */
export class Session {
  readonly epoch: number;
  readonly server: Server;
  /** When it began, in the time of `now`. */
  readonly since: number = now();
  /** What the server advertised in its answer to hello. */
  properties: Readonly<Record<string, unknown>> = {};
  readonly deliveries: Deliveries = new Deliveries();
  /** The goodbye of the server. */
  dismissal: Packet | undefined = undefined;
  readonly #context: SessionContext;
  readonly #transport: Transport;
  readonly #handler: SessionHandler;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  readonly #outbox: Outbox;
  readonly #controls: Exchange<Control, Packet>;
  #heartbeat: Heartbeat | undefined = undefined;
  /** The answer to our goodbye, once that is said. */
  #farewell: Promise<unknown> | undefined = undefined;
  #told = false;
  #destroyed = false;
  #gone = false;
  /** Nothing can be written any more: our side of the transport has ended. */
  #left = false;
  #end: SessionEnd | undefined = undefined;

  constructor(
    transport: Transport,
    server: Server,
    epoch: number,
    context: SessionContext,
    handler: SessionHandler,
  ) {
    const { maxFrame } = context.options;
    this.epoch = epoch;
    this.server = server;
    this.#context = context;
    this.#transport = transport;
    this.#handler = handler;
    this.#decoder = new FrameDecoder({ maxFrame });
    this.#writer = new FrameWriter({ maxFrame });
    this.#outbox = new Outbox(transport, this.#writer, { onFull: () => handler.full(this) });
    this.#controls = new Exchange({
      nextSeq: () => context.nextSeq(),
      describe: ({ cmd }) => `get an answer to ${cmd}`,
      wheel: context.wheel,
      write: (seq, { cmd, body }) => this.send({ cmd, seq: String(seq) }, body),
    });
    this.#controls.open();
    void transport.closed.then((error) => this.#ended(error));
    transport.start({
      data: (chunk) => this.#receive(chunk),
      end: () => this.#peerEnded(),
      drain: () => handler.drain(this),
    });
  }

  /** It can be written to. */
  get alive(): boolean {
    return !this.#destroyed && !this.#left;
  }

  /** We have said goodbye. */
  get goodbyeSaid(): boolean {
    return this.#farewell !== undefined;
  }

  /** Whoever made it has been told that it is gone. */
  get ended(): boolean {
    return this.#gone;
  }

  /** How it ends; undefined while nothing has ended it. */
  get end(): SessionEnd | undefined {
    return this.#end;
  }

  /** Resolves when the transport holds nothing any more. */
  get closed(): Promise<Error | undefined> {
    return this.#transport.closed;
  }

  get remote(): string {
    return this.#transport.remote;
  }

  /** Says who we are. Nothing else may be sent before it has resolved. */
  async hello(purpose: Purpose, group: string, signal: AbortSignal): Promise<void> {
    const { heartbeat, missedHeartbeats } = this.#context.options;
    const answer = await this.control("HELLO_REQUEST", this.introduction(purpose, group), signal);
    if (answer.code !== 0) throw refusalOf(answer);
    this.properties = answer.properties;
    this.#heartbeat = new Heartbeat({
      wheel: this.#context.wheel,
      interval: heartbeat,
      missed: missedHeartbeats,
      server: this.server.text,
      send: () => this.#beat(),
      dead: (error) => this.destroy(error),
    });
  }

  /** Who we are, as the body of a request. */
  introduction(purpose: Purpose, group: string): string {
    // A unix socket and a foreign network have addresses of their own kinds; the server looks at the stream anyway.
    const [, host = "localhost", port = "0"] = /^\[?([^\]/]+)\]?:(\d{1,5})$/.exec(this.#transport.local) ??
      [];
    return encodeUserAgent({ ...this.#context.options.agent, group, host, port: Number(port), purpose });
  }

  /** Sends a request of the session and waits for its answer; a refusal is a {@linkcode Refusal}. */
  control(
    cmd: Command,
    body: string | undefined,
    signal?: AbortSignal,
    timeout: number = Infinity,
  ): Promise<Packet> {
    return this.#controls.submit({ cmd, body }, { signal, timeout });
  }

  /** Writes a frame; it leaves with all others of this tick. */
  send(header: Header, body?: string | Uint8Array): void {
    if (!this.alive) return;
    this.#writer.frame(header, body);
    this.#outbox.touch();
  }

  /** Writes a frame from a template. */
  sendTemplated(template: FrameTemplate, seq: number | string, body?: FrameBody): void {
    if (!this.alive) return;
    this.#writer.templated(template, seq, body);
    this.#outbox.touch();
  }

  pause(): void {
    this.#heartbeat?.pause();
    this.#transport.pause();
  }

  resume(): void {
    this.#heartbeat?.resume();
    this.#transport.resume();
  }

  /**
   * Says goodbye, once whoever asks, waits for the answer, and leaves. Resolves with whether the server was told. Cut by
   * the step, it leaves the rest to `destroy`.
   */
  async goodbye({ signal }: Pick<Step, "signal">): Promise<boolean> {
    if (this.#destroyed) return this.#told;
    this.resume();
    this.#farewell ??= this.control("CLIENT_GOODBYE_REQUEST", undefined);
    // An answer is an answer, whatever its status; without one the transport is gone.
    await abortable(this.#farewell, signal).catch(() => {});
    if (!this.#told) return false;
    // What the server had sent before it knew is acknowledged while that is possible.
    await abortable(Promise.race([this.deliveries.none(), this.closed]), signal).catch(() => {});
    this.#heartbeat?.stop();
    this.#outbox.flush();
    this.#left = true;
    this.#transport.end();
    const limits = { signal, timeout: lingering, action: `wait for the end of ${this.server.text}` };
    await limited(limits, (cut) => abortable(this.closed, cut)).catch(() => {});
    this.destroy();
    await this.closed;
    return true;
  }

  /** Frees the transport at once. A server that has not been told is told as far as that takes no time. */
  destroy(error?: Error): void {
    if (this.#destroyed) return;
    if (!this.goodbyeSaid && this.#heartbeat !== undefined && error === undefined) {
      this.send({ cmd: "CLIENT_GOODBYE_REQUEST", seq: String(this.#context.nextSeq()) });
      this.#outbox.flush();
    }
    this.#close(error === undefined ? "forced" : "lost");
    this.#transport.destroy(error);
  }

  #close(end: SessionEnd): void {
    this.#destroyed = true;
    this.#end ??= this.#told ? "clean" : end;
    this.#heartbeat?.stop();
    this.#outbox.close();
  }

  #receive(chunk: Uint8Array): void {
    this.#heartbeat?.heard();
    // Bad bytes throw: the transport ends with that error, and nothing else is harmed.
    this.#decoder.push(chunk, this.#dispatch, this.#take);
  }

  readonly #take = ({ command, code }: Head, seqNumber: number): boolean =>
    code === 0 &&
    (command === "ASYNC_MESSAGE_TO_SERVER_ACK" || command === "BROADCAST_MESSAGE_TO_SERVER_ACK") &&
    this.#handler.confirmed(seqNumber);

  readonly #dispatch = (packet: Packet): void => {
    const { command } = packet;
    if (command === undefined) return;
    if (answers.has(command)) {
      this.#answer(packet);
      // Or the answer to a ping: sequence numbers are never used twice.
      if (command === "HEARTBEAT_RESPONSE") this.#handler.packet(packet, this);
    } else if (command === "SERVER_GOODBYE_REQUEST" || command === "REDIRECT_TO_CLIENT") {
      this.dismissal ??= packet;
      this.#handler.leaving(this, packet);
    } else {
      this.#handler.packet(packet, this);
    }
  };

  #answer(packet: Packet): void {
    const { command, code, seqNumber } = packet;
    if (command === "CLIENT_GOODBYE_RESPONSE" && this.goodbyeSaid) this.#told = true;
    // A server that is busy is asked again, but not for these: it ends the connection after its answer.
    const final = command === "HELLO_RESPONSE" || command === "CLIENT_GOODBYE_RESPONSE";
    if (code === 0 || final) this.#controls.settle(seqNumber, packet);
    else this.#controls.refuse(seqNumber, refusalOf(packet));
  }

  /** The server has sent FIN: it will answer nothing any more. */
  #peerEnded(): void {
    this.#outbox.flush();
    this.#left = true;
    this.#transport.end();
    if (this.goodbyeSaid) return;
    this.#close("lost");
    this.#transport.destroy();
  }

  #ended(error: Error | undefined): void {
    // A server that has said goodbye itself and ends in order owes no answer to ours.
    if (this.goodbyeSaid && this.dismissal !== undefined && error === undefined) this.#told = true;
    this.#close("lost");
    this.#controls.close(() => lossOf(error, this.server.text));
    this.#gone = true;
    this.#handler.ended(this, error);
  }

  #beat(): void {
    const answer = this.control("HEARTBEAT_REQUEST", undefined, undefined, heartbeatTimeout);
    ignoreRejection(answer.catch((error: unknown) => {
      // A server that does not know us any longer says so in its answer to a heartbeat, and nowhere else.
      if (!(error instanceof Refusal)) return;
      this.destroy(explain(error, `keep the session with ${this.server.text}`) as Error);
    }));
  }
}
