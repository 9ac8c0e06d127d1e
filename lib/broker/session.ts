import { OverflowError, ProtocolError, TimeoutError } from "../errors.ts";
import {
  type Command,
  FrameDecoder,
  FrameWriter,
  type Header,
  type Packet,
  type Purpose,
  type RedirectInfo,
  encodeRedirect,
} from "../eventmesh/wire/mod.ts";
import { Outbox } from "../flow/outbox.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { WheelTimer } from "../lifecycle/wheel.ts";
import type { ServerConnection, Step, TransportHandler } from "../server/mod.ts";
import type { PushCommand, PushSink } from "./consumer.ts";
import type { Copy } from "./copy.ts";
import type { Core } from "./core.ts";
import { answerTo, DELIVERY_COUNT, emptyMessage, messageFrame, successFrame } from "./frames.ts";
import type { BrokerSettings } from "./options.ts";
import { CLOSING, QUIT } from "./refusals.ts";
import type { Asker, Reply, Request } from "./request.ts";
import type { Subscriber } from "./subscriber.ts";

/** What the sessions of one broker share. */
export interface SessionContext {
  readonly core: Core;
  readonly settings: BrokerSettings;
  /** Carries out what a packet asks for. */
  dispatch(session: Session, packet: Packet): void;
}

/** Who a session belongs to, as its hello said. */
export interface Identity {
  readonly group: string;
  readonly purpose: Purpose;
  readonly subsystem: string;
}

/** One connection of a client: its frames, and its part in the end of the connection. */
export class Session implements TransportHandler, PushSink, Asker {
  readonly id: number;
  readonly connection: ServerConnection;
  readonly core: Core;
  readonly settings: BrokerSettings;
  readonly requests: Set<Request> = new Set();
  readonly #context: SessionContext;
  readonly #decoder: FrameDecoder;
  readonly #writer: FrameWriter;
  readonly #outbox: Outbox;
  readonly #over: Deferred<void> = deferred();
  /** The client has said something after our goodbye: it has understood. */
  readonly #answered: Deferred<void> = deferred();
  #identity: Identity | undefined = undefined;
  #subscriber: Subscriber | undefined = undefined;
  #hello: { cancel(reason: unknown): void } | undefined = undefined;
  #deadline: WheelTimer | undefined = undefined;
  #stalled: WheelTimer | undefined = undefined;
  /** The transport has taken less than it was given. */
  #blocked = false;
  /** Answers that were written since. */
  #owed = 0;
  /** When the client has last sent anything. */
  #heard: number;
  #leaving = false;
  #closing = false;
  #ended = false;
  /** Nothing that a drain could wait for will come. */
  #deaf = false;
  #failure: ProtocolError | undefined = undefined;

  constructor(context: SessionContext, connection: ServerConnection) {
    const { core, settings } = context;
    const { maxFrame } = settings;
    this.#context = context;
    this.connection = connection;
    this.id = connection.id;
    this.core = core;
    this.settings = settings;
    this.#decoder = new FrameDecoder({ maxFrame });
    this.#writer = new FrameWriter({ maxFrame });
    this.#outbox = new Outbox(connection.transport, this.#writer, () => this.#blocked = true);
    core.tick();
    this.#heard = core.time;
    this.#await(settings.helloTimeout, "say hello");
  }

  /** Undefined before the hello was accepted. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** What it subscribes to; undefined for a session that may not. */
  get subscriber(): Subscriber | undefined {
    return this.#subscriber;
  }

  /** It has said goodbye. */
  get leaving(): boolean {
    return this.#leaving;
  }

  /** Its end has begun on our side: work that it asks for is refused. */
  get closing(): boolean {
    return this.#closing || this.core.paused;
  }

  get writable(): boolean {
    return !this.#blocked;
  }

  /** Its whole life: resolves when the client has nothing more to say. */
  run(): Promise<void> {
    const { connection } = this;
    connection.onPhase("intake", () => this.#intake());
    connection.onPhase("drain", (step) => this.#drain(step));
    connection.onPhase("goodbye", (step) => this.#goodbye(step));
    connection.onPhase("release", () => this.#release());
    connection.transport.start(this);
    return this.#over.promise;
  }

  data(chunk: Uint8Array): void {
    this.core.tick();
    this.#heard = this.core.time;
    try {
      this.#decoder.push(chunk, this.#emit);
    } catch (error) {
      this.#deaf = true;
      if (error instanceof ProtocolError) this.#failure = error;
      throw error;
    }
  }

  end(): void {
    this.#deaf = true;
    this.#over.resolve();
    this.#answered.resolve();
    this.core.changed();
  }

  drain(): void {
    this.core.tick();
    this.#blocked = false;
    this.#owed = 0;
    if (this.#stalled !== undefined) {
      this.#stalled.cancel();
      this.#stalled = undefined;
      this.connection.transport.resume();
    }
    this.#subscriber?.consumer.wake();
  }

  push(command: PushCommand, { deliveries, message, seq }: Copy): void {
    const { body, protocol } = message;
    if (deliveries === 1) {
      this.#writer.templated(messageFrame(command, protocol), seq, body);
    } else {
      const properties = { protocoltype: protocol, [DELIVERY_COUNT]: String(deliveries) };
      this.#writer.frame({ cmd: command, seq: String(seq), properties }, body);
    }
    this.#outbox.touch();
  }

  reply({ protocol, seq, topic }: Request, reply: Reply): void {
    if (this.#ended) return;
    if ("refusal" in reply) {
      this.#send(
        { cmd: "RESPONSE_TO_CLIENT", code: 1, desc: reply.refusal, seq, properties: { protocoltype: protocol } },
        emptyMessage(protocol, topic, seq),
      );
      return;
    }
    this.#writer.templated(messageFrame("RESPONSE_TO_CLIENT", reply.protocol), seq, reply.body);
    this.#written();
  }

  /** Says that what a packet asks for was done. */
  succeed(packet: Packet, properties?: Header["properties"]): void {
    if (this.#ended) return;
    const { seq } = packet;
    const cmd = answerTo(packet.command!);
    if (seq === undefined || properties !== undefined) {
      return this.#send({ cmd, desc: "success", seq, properties });
    }
    this.#writer.templated(successFrame(cmd), seq);
    this.#written();
  }

  /** Says that what a packet asks for was not done, and why. */
  refuse(packet: Packet, desc: string, cmd: Command = answerTo(packet.command!)): void {
    const { seq } = packet;
    if (cmd !== "RESPONSE_TO_CLIENT") return this.#send({ cmd, code: 1, desc, seq });
    const protocol = packet.property("protocoltype") === "cloudevents" ? "cloudevents" : "eventmeshmessage";
    this.#send({ cmd, code: 1, desc, seq, properties: { protocoltype: protocol } }, emptyMessage(protocol, "", seq ?? ""));
  }

  /** The hello is being looked at; `cancel` is called when that takes too long or the client is gone. */
  greet(cancel: (reason: unknown) => void): void {
    this.#hello = { cancel };
  }

  /** A hello is being looked at. */
  get greeting(): boolean {
    return this.#hello !== undefined;
  }

  /** The hello was accepted. */
  welcome(identity: Identity, subscriber: Subscriber | undefined): void {
    this.#hello = undefined;
    this.#deadline?.cancel();
    this.#deadline = undefined;
    this.#identity = identity;
    this.#subscriber = subscriber;
  }

  /** Ends the connection in order, with what was written before. */
  finish(): void {
    this.#deaf = true;
    this.#over.resolve();
  }

  /** The client says goodbye: it gets nothing more, may acknowledge what it has, and has some time to disconnect. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#answered.resolve();
    this.#stopPushes(false);
    this.#await(this.settings.goodbyeTimeout, "disconnect after the goodbye");
  }

  /** The client has understood our goodbye. */
  understood(): void {
    this.#answered.resolve();
  }

  /** Asks the client to go to another server. It stays what it is until it goes, or its time is over. */
  redirect(target: RedirectInfo): void {
    if (this.#closing || this.#leaving) return;
    this.#send({ cmd: "REDIRECT_TO_CLIENT" }, encodeRedirect(target));
    this.#await(this.settings.goodbyeTimeout, "disconnect after a redirect");
  }

  readonly #emit = (packet: Packet): void => this.#context.dispatch(this, packet);

  #send(header: Header, body?: string | Uint8Array): void {
    if (this.#ended) return;
    this.#writer.frame(header, body);
    this.#written();
  }

  /** An answer was written. A client that asks and asks and takes no answer is not read any further. */
  #written(): void {
    this.#outbox.touch();
    if (!this.#blocked) return;
    const { transport } = this.connection;
    if (++this.#owed >= answersOwed && this.#stalled === undefined) {
      transport.pause();
      this.#stalled = this.core.timers.add(this.settings.sessionExpiry, {
        onDeadline: () => this.#cut(this.#timeout("read its answers", this.settings.sessionExpiry)),
      });
    }
    const capacity = Math.max(bytesOwed, 4 * this.settings.maxFrame);
    if (transport.buffered > capacity && !this.#ended) {
      const message = `Cannot go on with session ${this.id}: it does not take its answers, ${capacity} bytes are waiting`;
      this.#cut(new OverflowError(message, { capacity }));
    }
  }

  #cut(reason: unknown): void {
    this.#ended = true;
    void this.connection.goodbye({ reason, grace: 0 });
  }

  /** Sets the one deadline that a session has at a time. */
  #await(timeout: number, what: string): void {
    this.#deadline?.cancel();
    this.#deadline = this.core.timers.add(timeout, {
      onDeadline: () => {
        this.#deaf = true;
        const reason = this.#timeout(what, timeout);
        this.#hello?.cancel(reason);
        void this.connection.goodbye({ reason, ...(this.#identity === undefined ? { grace: 0 } : {}) });
      },
    });
  }

  #timeout(what: string, timeout: number): TimeoutError {
    return new TimeoutError(`Session ${this.id} did not ${what} in ${timeout} ms`, { timeout });
  }

  #stopPushes(lost: boolean): void {
    const subscriber = this.#subscriber;
    if (subscriber === undefined) return;
    subscriber.consumer.stop();
    subscriber.unsubscribe(lost);
  }

  #intake(): void {
    this.#closing = true;
    this.core.tick();
    // Silence: nobody is there who could acknowledge anything.
    if (this.core.time - this.#heard >= this.settings.sessionExpiry) this.#deaf = true;
    this.#hello?.cancel(this.connection.draining.reason);
    this.#over.resolve();
    this.#stopPushes(this.#deaf && !this.#leaving);
  }

  #drain({ signal }: Step): Promise<void> {
    const consumer = this.#subscriber?.consumer;
    const done = (): boolean => {
      if (this.#deaf) return true;
      const outstanding = consumer === undefined ? 0 : consumer.unacked.length + consumer.owed;
      return outstanding + this.requests.size === 0;
    };
    return this.core.until(done, signal);
  }

  async #goodbye(step: Step): Promise<void> {
    for (const request of [...this.requests]) this.core.requests.fail(request, CLOSING);
    if (this.#identity !== undefined && !this.#leaving && (!this.#deaf || this.#failure !== undefined)) {
      const desc = this.#failure?.message ?? QUIT;
      this.#send({ cmd: "SERVER_GOODBYE_REQUEST", code: this.#failure === undefined ? 0 : 1, desc });
      this.#outbox.flush();
      if (this.#failure === undefined) await this.#answer(step);
    }
    this.#outbox.flush();
    this.#ended = true;
  }

  /** Gives the client a part of the time to take note, while both directions are still open. */
  #answer(step: Step): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.core.timers.add(Math.min(answerTimeout, step.remaining() / 2), { onDeadline: resolve });
      const leave = (): void => {
        timer.cancel();
        resolve();
      };
      void this.#answered.promise.then(leave);
      step.signal.addEventListener("abort", leave, { once: true });
    });
  }

  #release(): void {
    this.#ended = true;
    this.#closing = true;
    this.#over.resolve();
    this.#outbox.close();
    this.#deadline?.cancel();
    this.#stalled?.cancel();
    this.#hello?.cancel(this.connection.signal.reason);
    this.core.tick();
    this.core.requests.abandon(this);
    if (this.#subscriber !== undefined) this.core.leave(this.#subscriber, !this.#leaving);
  }
}

/** Answers that may be waiting in a transport that does not take them, before the client is not read any further. */
const answersOwed = 1_024;
/** Bytes that may be waiting there, at least, before the session is cut. */
const bytesOwed = 16 * 1_048_576;
/** Milliseconds that a client has for its answer to our goodbye, at most. */
const answerTimeout = 1_000;
