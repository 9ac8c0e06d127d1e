import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Msg, PermissionViolationError } from "@nats-io/nats-core/internal";
import { ConnectionLostError, PeerError, type SendOutcome } from "../errors.ts";
import { Exchange } from "../flow/exchange.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { DeliveredMessage, Message } from "../messaging/message.ts";
import { denialOf, noResponders } from "./failure.ts";
import { FrameMessage, officialMessage } from "./frame_message.ts";
import type { Interest } from "./interests.ts";
import type { Link } from "./link.ts";
import { IncomingMessage, type Receiver, refuse, type Responder, saysNoResponders } from "./message.ts";
import type { ResolvedOptions } from "./options.ts";
import { checkAgain, type Outgoing } from "./outgoing.ts";
import type { Protocol } from "./protocol.ts";
import { type Frame, numberBehind } from "./scanner.ts";
import { safeSubject } from "./subject.ts";

/** Whoever waits for the replies of many. */
export interface Gatherer {
  readonly outgoing: Outgoing;
  reply(message: DeliveredMessage): void;
  fail(error: unknown): void;
}

/**
 * Brings replies to their requests: one wildcard subscription for all of them, and the number of the request as the last
 * token of the subject that its reply comes to.
 */
export class Requests implements Receiver {
  readonly respond: Responder = refuse;
  readonly exchange: Exchange<Outgoing, Message>;
  readonly #options: ResolvedOptions;
  readonly #link: () => Link;
  /** Made with the first request. */
  #inbox = "";
  readonly #gatherers: Map<string, Gatherer> = new Map();
  /** Bytes of the inbox. */
  #prefix = 0;
  #command: { readonly topic: string; readonly bytes: Uint8Array } = { topic: "", bytes: new Uint8Array(0) };
  #subscription: Interest | undefined = undefined;
  #gathered = 0;
  #idle: Deferred<void> | undefined = undefined;

  constructor(options: ResolvedOptions, wheel: TimerWheel, link: () => Link) {
    this.#options = options;
    this.#link = link;
    let seq = 0;
    this.exchange = new Exchange({
      wheel,
      maxWaiting: options.maxWaiting,
      nextSeq: () => ++seq,
      describe: ({ what }) => what,
      // A stream may have stored what it was sent and has not answered.
      explain: (error, outgoing) => outgoing.judge === undefined ? error : outgoing.verdict(error),
      write: (number, outgoing) => {
        checkAgain(outgoing, link());
        this.#listen();
        const { writer, outbox } = link().wire;
        outgoing.writes++;
        outgoing.seq = number;
        if (outgoing.judge === undefined && outgoing.headers === undefined) {
          writer.numbered(this.#commandTo(outgoing.topic), number, outgoing.data, outgoing.length);
        } else {
          outgoing.reply = this.#inbox + (outgoing.judge === undefined ? "" : judged) + number;
          writer.publish(outgoing);
        }
        outbox.touch();
      },
    });
  }

  /**
   * Checks that the subject of a request leaves room for that of its reply.
   *
   * @throws {RangeError}
   */
  check(outgoing: Outgoing): void {
    if (outgoing.topic.length > safeSubject) {
      outgoing.fit(Buffer.byteLength(this.#options.inboxPrefix) + longestInbox);
    }
  }

  /** Opens an inbox for many replies; returns its subject and how to leave it. */
  gather(gatherer: Gatherer): { readonly reply: string; leave(): void } {
    this.#listen();
    const token = `m${++this.#gathered}`;
    this.#gatherers.set(token, gatherer);
    return {
      reply: this.#inbox + token,
      leave: () => {
        this.#gatherers.delete(token);
        this.#checkIdle();
      },
    };
  }

  /** Resolves when nobody gathers replies any more. */
  idle(): Promise<void> {
    if (this.#gatherers.size === 0) return Promise.resolve();
    this.#idle ??= deferred();
    return this.#idle.promise;
  }

  /** Who has not asked yet goes on waiting. */
  lost(cause: unknown): void {
    for (const gatherer of [...this.#gatherers.values()]) {
      const { what, written } = gatherer.outgoing;
      if (!written) continue;
      const message = `Cannot ${what}: the connection was lost`;
      gatherer.fail(new ConnectionLostError(message, { outcome: "unknown", cause }));
    }
  }

  /** The user may not publish there. Returns how many requests that has ended. */
  denied(error: PermissionViolationError): number {
    return this.#refuseAll(error, error.subject);
  }

  /** Whoever still gathers gets a refusal. */
  close(refusal: (action: string, outcome: SendOutcome) => unknown): void {
    for (const gatherer of [...this.#gatherers.values()]) {
      const { what, written } = gatherer.outgoing;
      gatherer.fail(refusal(what, written ? "unknown" : "not-sent"));
    }
  }

  /** Subscribed with the first request: a user who never asks needs no right to. */
  #listen(): void {
    if (this.#subscription?.isClosed() === false) return;
    this.#inbox ||= `${this.#options.inboxPrefix}.${randomBytes(12).toString("hex")}.`;
    this.#prefix = Buffer.byteLength(this.#inbox);
    // The client writes it before the first request, which goes behind it.
    this.#subscription = this.#link().interests.subscribe(`${this.#inbox}*`, undefined, {
      message: (message) => this.#receive(message),
      frame: (frame) => this.#take(frame),
      denied: (error) => void this.#refuseAll(error as PermissionViolationError, undefined),
    });
  }

  get protocol(): Protocol {
    return this.#link().protocol;
  }

  /** What a request begins with, up to its number. One after the other goes to the same subject, mostly. */
  #commandTo(topic: string): Uint8Array {
    if (topic !== this.#command.topic) {
      this.#command = { topic, bytes: Buffer.from(`PUB ${topic} ${this.#inbox}`) };
    }
    return this.#command.bytes;
  }

  /** Most replies: without headers, to a request with a number of its own. */
  #take(frame: Frame): void {
    const seq = frame.headers === -1 ? numberBehind(frame, this.#prefix) : -1;
    if (seq === -1) return this.#receive(officialMessage(frame, this.protocol));
    this.exchange.settle(seq, new FrameMessage(frame, this));
  }

  #receive(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length);
    let nobody: boolean;
    try {
      nobody = saysNoResponders(message);
    } catch (error) {
      // Whoever answers is no better than any other client: that is no reason to give up the connection.
      return this.#unreadable(token, error as Error);
    }
    if (token.startsWith("m")) {
      const gatherer = this.#gatherers.get(token);
      if (nobody && this.#patient) return;
      if (nobody) gatherer?.fail(nobodyAnswers(gatherer.outgoing.topic));
      else gatherer?.reply(this.#messageOf(message));
      return;
    }
    const seq = seqOf(token);
    if (token.startsWith(judged)) return this.#judge(seq, nobody ? undefined : this.#messageOf(message));
    if (!nobody) return this.exchange.settle(seq, this.#messageOf(message));
    if (!this.#patient) this.exchange.refuse(seq, nobodyAnswers(this.#asked(seq)?.topic ?? ""));
  }

  #messageOf(message: Msg): DeliveredMessage {
    return new IncomingMessage(message, this);
  }

  /** A reply that may be a refusal: whoever asked knows. */
  #judge(seq: number, reply: Message | undefined): void {
    const asked = this.#asked(seq);
    const error = asked?.judge?.(reply);
    if (error !== undefined && asked?.seq === seq) asked.refused = seq;
    if (error !== undefined) this.exchange.refuse(seq, error);
    else if (reply !== undefined) this.exchange.settle(seq, reply);
    // Too late for the attempt that it answers, it is what the next one waits for.
    const late = asked !== undefined && asked.seq !== seq;
    if (late && error === undefined && reply !== undefined) this.exchange.settle(asked.seq, reply);
  }

  /** Only whoever asked gets to know. */
  #unreadable(token: string, cause: Error): void {
    const errorOf = (what: string): PeerError =>
      new PeerError(`Cannot ${what}: ${cause.message}`, { status: 0, cause });
    const gatherer = this.#gatherers.get(token);
    if (gatherer !== undefined) return gatherer.fail(errorOf(gatherer.outgoing.what));
    const seq = seqOf(token);
    const asked = this.#asked(seq);
    if (asked !== undefined) {
      asked.answers++;
      if (asked.seq === seq) asked.refused = seq;
    }
    this.exchange.refuse(seq, errorOf(asked?.what ?? ""));
  }

  /** A request, by its number. */
  #asked(seq: number): Outgoing | undefined {
    let asked: Outgoing | undefined;
    this.exchange.find(seq, (outgoing, number) => {
      if (number === seq) asked = outgoing;
      // It is the first that is looked at, or it is not there.
      return true;
    });
    return asked;
  }

  /** Nobody may come to be subscribed yet. */
  get #patient(): boolean {
    return this.#options.noResponders === "wait";
  }

  /** `subject`: undefined for all. */
  #refuseAll(error: PermissionViolationError, subject: string | undefined): number {
    const errorOf = (what: string): PeerError => denialOf(error, what);
    const count = refuseAll(this.exchange, subject, errorOf);
    for (const gatherer of [...this.#gatherers.values()]) {
      const { topic, what } = gatherer.outgoing;
      if (subject === undefined || topic === subject) gatherer.fail(errorOf(what));
    }
    return count;
  }

  #checkIdle(): void {
    if (this.#gatherers.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

/**
 * Refuses all that was written to a subject, or to any, and has no answer; returns how many. One look at the table for all:
 * there may be many.
 */
export function refuseAll<T>(
  exchange: Exchange<Outgoing, T>,
  subject: string | undefined,
  errorOf: (what: string) => PeerError,
): number {
  const denied: [number, string][] = [];
  exchange.find(0, (outgoing, seq) => {
    const { topic, what } = outgoing;
    if (subject !== undefined && topic !== subject) return false;
    denied.push([seq, what]);
    // An earlier write of it is not what the server speaks of, and an inbox that is denied is not what was written.
    if (outgoing.seq === seq) {
      outgoing.refused = seq;
      if (subject !== undefined) outgoing.answers++;
    }
    return false;
  });
  for (const [seq, what] of denied) exchange.refuse(seq, errorOf(what));
  return denied.length;
}

/** Bytes of an inbox behind its prefix, at most: random digits, and the number of the request. */
const longestInbox = 1 + 24 + 1 + 1 + 16;

/** Begins the token of a request that judges its reply. */
const judged = "s";

function seqOf(token: string): number {
  return Number(token.startsWith(judged) ? token.slice(judged.length) : token);
}

function nobodyAnswers(topic: string): PeerError {
  return new PeerError(`Cannot request an answer of "${topic}": nobody is subscribed there`, {
    status: noResponders,
    description: "No Responders",
  });
}
