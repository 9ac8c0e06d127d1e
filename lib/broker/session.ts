import { ProtocolError, TimeoutError } from "../errors.ts";
import {
  type Command,
  encodeRedirect,
  FrameDecoder,
  type Head,
  type Header,
  type HeaderProperties,
  type Packet,
  type Purpose,
  type RedirectInfo,
} from "../eventmesh/wire/mod.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import type { WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { AcceptedConnection } from "../server/accepted.ts";
import type { TransportHandler } from "../server/mod.ts";
import type { ConnectionPart } from "../server/steps.ts";
import type { PushCommand, PushSink } from "./consumer.ts";
import type { Copy } from "./copy.ts";
import type { Core } from "./core.ts";
import { answerTo, messageFrame, successFrame } from "./frames.ts";
import type { BrokerSettings } from "./options.ts";
import { Outlet, type OutletOptions, type OutletOwner } from "./outlet.ts";
import type { EnvelopeReader } from "./reader.ts";
import { CLOSING, QUIT } from "./refusals.ts";
import type { Asker, Reply, Request } from "./request.ts";
import { RequestBag } from "./request_bag.ts";
import { type Selection, selectionOf } from "./selection.ts";
import type { Subscriber } from "./subscriber.ts";

/** What the sessions of one broker share. */
export interface SessionContext {
  readonly core: Core;
  readonly settings: BrokerSettings;
  readonly outlets: OutletOptions;
  readonly reader: EnvelopeReader;
  /** Carries out what a packet asks for. */
  dispatch(session: Session, packet: Packet): void;
  /** The same for a packet without a body, while it is none yet. False: it has to become one. */
  take(session: Session, head: Head, seqNumber: number): boolean;
  /** A session has ended. */
  left(session: Session): void;
}

/** Who a session belongs to, as its hello said. */
export interface Identity {
  readonly group: string;
  readonly purpose: Purpose;
  readonly subsystem: string;
}

/** One connection of a client: its frames, and its part in the end of the connection. */
export class Session implements TransportHandler, ConnectionPart, OutletOwner, PushSink, Asker, WheelTarget {
  readonly connection: AcceptedConnection;
  readonly #context: SessionContext;
  readonly #decoder: FrameDecoder;
  readonly #outlet: Outlet;
  /** Of its end: it waits for the answer to our goodbye. */
  #parting: RunningPhase | undefined = undefined;
  #requests: RequestBag | undefined = undefined;
  #identity: Identity | undefined = undefined;
  #subscriber: Subscriber | undefined = undefined;
  #hello: { cancel(reason: unknown): void } | undefined = undefined;
  #deadline: WheelTimer | undefined = undefined;
  /** What for. */
  #awaited: Awaited = "say hello";
  /** When the client has last sent anything. */
  #heard: number;
  #leaving = false;
  #closing = false;
  /** The client is about to go: it knows of a goodbye, ours or its own, or has sent FIN. */
  #informed = false;
  /** Nothing that a drain could wait for will come. */
  #deaf = false;
  #failure: ProtocolError | undefined = undefined;
  #properties: HeaderProperties | undefined = undefined;
  #selection: Selection | undefined = undefined;
  #address: string | undefined = undefined;

  constructor(context: SessionContext, connection: AcceptedConnection) {
    const { core, outlets, settings } = context;
    this.#context = context;
    this.connection = connection;
    this.#decoder = new FrameDecoder({ maxFrame: Math.min(settings.maxFrame, strangersFrame) });
    this.#outlet = new Outlet(connection.transport, this, outlets);
    core.tick();
    this.#heard = core.time;
    this.#await(settings.helloTimeout, "say hello");
  }

  get id(): number {
    return this.connection.id;
  }

  get core(): Core {
    return this.#context.core;
  }

  /** Reads bodies. */
  get reader(): EnvelopeReader {
    return this.#context.reader;
  }

  /** What the properties of a header say about its body. Those of the last one are remembered: they are rarely others. */
  selectionOf({ properties, bodyOffset }: Packet): Selection {
    // Not those of a long header: nothing of it is to stay.
    if (bodyOffset > longestHeader) return selectionOf(properties);
    if (this.#properties !== properties) {
      this.#properties = properties;
      this.#selection = selectionOf(properties);
    }
    return this.#selection!;
  }

  get settings(): BrokerSettings {
    return this.#context.settings;
  }

  get requests(): RequestBag {
    return this.#requests ??= new RequestBag("atAsker");
  }

  /** Requests that it waits for. */
  get pending(): number {
    return this.#requests?.size ?? 0;
  }

  /** Undefined before the hello was accepted. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  /** Who gets its replies, for responders. */
  get address(): string {
    return this.#address ??= `session-${this.id}`;
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
    return this.#outlet.writable;
  }

  data(chunk: Uint8Array): void {
    const context = this.#context;
    const { turn } = context.outlets;
    this.core.tick();
    this.#heard = this.core.time;
    turn.hold();
    try {
      this.#decoder.push(
        chunk,
        (packet) => context.dispatch(this, packet),
        (head, seqNumber) => context.take(this, head, seqNumber),
      );
    } catch (error) {
      this.#deaf = true;
      if (error instanceof ProtocolError) this.#failure = error;
      throw error;
    } finally {
      this.reader.close();
      turn.end();
    }
  }

  end(): void {
    this.#deaf = true;
    this.connection.finish();
    this.understood();
  }

  drain(): void {
    this.core.tick();
    this.#outlet.drained();
    this.#subscriber?.consumer.wake();
  }

  push(command: PushCommand, copy: Copy): void {
    this.#outlet.push(command, copy);
  }

  reply({ protocol, seq, topic }: Request, reply: Reply): void {
    if ("refusal" in reply) {
      this.#outlet.refuse("RESPONSE_TO_CLIENT", seq, reply.refusal, protocol, topic);
    } else {
      this.#outlet.sendTemplated(messageFrame("RESPONSE_TO_CLIENT", reply.protocol), seq, reply.body);
    }
  }

  /** Says that what a packet asks for was done. */
  succeed(packet: Packet, properties?: Header["properties"]): void {
    const { plainSeq } = packet;
    const command = packet.command!;
    if (plainSeq === undefined || properties !== undefined) {
      this.#outlet.send({ cmd: answerTo(command), desc: "success", seq: packet.seq, properties });
    } else {
      this.#outlet.sendTemplated(successFrame(command), plainSeq);
    }
  }

  /** Says that what a packet asks for was not done, and why. */
  refuse(packet: Packet, desc: string, cmd: Command = answerTo(packet.command!)): void {
    const protocol = packet.property("protocoltype") === "cloudevents" ? "cloudevents" : "eventmeshmessage";
    this.#outlet.refuse(cmd, packet.seq, desc, protocol, "");
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
    this.#decoder.raise(this.settings.maxFrame);
  }

  /** Ends the connection in order, with what was written before. */
  finish(): void {
    this.#deaf = true;
    this.connection.finish();
  }

  /** The client says goodbye: it gets nothing more, may acknowledge what it has, and has some time to disconnect. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.understood();
    this.#stopPushes(false);
    this.#await(this.settings.goodbyeTimeout, "disconnect after the goodbye");
  }

  /** The client has understood our goodbye. */
  understood(): void {
    this.#informed = true;
    this.#part();
    this.core.changed();
  }

  /** Asks the client to go to another server, unless it is going anyway. It stays what it is until it goes. */
  redirect(target: RedirectInfo): boolean {
    if (this.#closing || this.#leaving) return false;
    this.#outlet.send({ cmd: "REDIRECT_TO_CLIENT" }, encodeRedirect(target));
    this.#await(this.settings.goodbyeTimeout, "disconnect after a redirect");
    return true;
  }

  cut(reason: unknown): void {
    this.#outlet.close();
    void this.connection.goodbye({ reason, grace: 0 });
  }

  /** Sets the one deadline that a session has at a time. */
  #await(timeout: number, what: Awaited): void {
    this.#deadline?.cancel();
    this.#awaited = what;
    this.#deadline = this.core.timers.add(timeout, this);
  }

  onDeadline(): void {
    this.#deadline = undefined;
    if (this.#awaited === "answer") return this.understood();
    this.#deaf = true;
    const { goodbyeTimeout, helloTimeout } = this.settings;
    const timeout = this.#awaited === "say hello" ? helloTimeout : goodbyeTimeout;
    const reason = new TimeoutError(`Session ${this.id} did not ${this.#awaited} in ${timeout} ms`, {
      timeout,
    });
    if (this.#identity === undefined) this.connection.stranded(reason);
    else void this.connection.goodbye({ reason });
  }

  #stopPushes(lost: boolean): void {
    const subscriber = this.#subscriber;
    if (subscriber === undefined) return;
    subscriber.consumer.stop();
    subscriber.unsubscribe(lost);
  }

  onIntake(): void {
    this.#closing = true;
    this.core.tick();
    // Silence: nobody is there who could acknowledge anything.
    if (this.core.time - this.#heard >= this.settings.sessionExpiry) this.#deaf = true;
    this.#hello?.cancel(this.connection.draining.reason);
    this.#stopPushes(this.#deaf && !this.#leaving);
  }

  onDrain(step: RunningPhase): Promise<void> | undefined {
    return this.#isAtRest() ? undefined : this.core.until(() => this.#isAtRest(), step);
  }

  #isAtRest(): boolean {
    if (this.#deaf) return true;
    const consumer = this.#subscriber?.consumer;
    const outstanding = consumer === undefined ? 0 : consumer.unacked.length + consumer.owed;
    return outstanding + this.pending === 0;
  }

  onGoodbye(step: RunningPhase): RunningPhase | undefined {
    if (this.#requests !== undefined) {
      for (const request of this.#requests) this.core.requests.fail(request, CLOSING);
    }
    if (this.#identity !== undefined && !this.#leaving && (!this.#deaf || this.#failure !== undefined)) {
      const desc = this.#failure?.message ?? QUIT;
      this.#outlet.send({ cmd: "SERVER_GOODBYE_REQUEST", code: this.#failure === undefined ? 0 : 1, desc });
      this.#outlet.flush();
      if (this.#failure === undefined && !this.#informed) return this.#awaitAnswer(step);
    }
    this.#outlet.finish();
    return undefined;
  }

  /** Gives the client a part of the time to take note, while both directions are still open. */
  #awaitAnswer(step: RunningPhase): RunningPhase {
    this.#parting = step;
    this.#await(Math.min(answerTimeout, step.remaining() / 2), "answer");
    return step;
  }

  /** The client has answered our goodbye, or will not. */
  #part(): void {
    const step = this.#parting;
    if (step === undefined) return;
    this.#parting = undefined;
    this.#deadline?.cancel();
    if (step.aborted) return;
    this.#outlet.finish();
    this.connection.resume(step);
  }

  onRelease(): void {
    this.#outlet.close();
    this.#closing = true;
    this.#deadline?.cancel();
    this.#hello?.cancel(this.connection.signal.reason);
    this.core.tick();
    if (this.#requests !== undefined) this.core.requests.abandon(this);
    if (this.#subscriber !== undefined) this.core.leave(this.#subscriber, !this.#leaving);
    this.#context.left(this);
  }
}

/** What a session has a limited time for. */
type Awaited = "say hello" | "disconnect after the goodbye" | "disconnect after a redirect" | "answer";

/** Bytes of a frame before the hello is accepted: a hello has some hundred, and nobody knows yet who sends it. */
const strangersFrame = 65_536;
/** Bytes up to the body of a frame whose properties are remembered. */
const longestHeader = 1_024;
/** Milliseconds that a client has for its answer to our goodbye, at most. */
const answerTimeout = 1_000;
