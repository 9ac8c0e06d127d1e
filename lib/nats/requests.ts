import { randomBytes } from "node:crypto";
import type { Msg, PermissionViolationError, SubscriptionImpl } from "@nats-io/nats-core/internal";
import { PeerError } from "../errors.ts";
import { Exchange } from "../flow/exchange.ts";
import { type Deferred, deferred } from "../lifecycle/deferred.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import { DeliveredMessage, type Message } from "../messaging/message.ts";
import { denialOf, noResponders } from "./failure.ts";
import type { Link } from "./link.ts";
import { IncomingMessage, saysNoResponders } from "./message.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Outgoing } from "./outgoing.ts";

/** Whoever waits for the replies of many. */
export interface Gatherer {
  readonly topic: string;
  reply(message: DeliveredMessage): void;
  fail(error: unknown): void;
}

/**
 * Brings replies to their requests: one wildcard subscription for all of them, and the number of the request as the last
 * token of the subject that its reply comes to.
 */
export class Requests {
  readonly exchange: Exchange<Outgoing, Message>;
  readonly #options: ResolvedOptions;
  readonly #link: () => Link;
  readonly #inbox: string;
  readonly #gatherers: Map<string, Gatherer> = new Map();
  #subscription: SubscriptionImpl | undefined = undefined;
  #gathered = 0;
  #idle: Deferred<void> | undefined = undefined;

  constructor(options: ResolvedOptions, wheel: TimerWheel, link: () => Link) {
    this.#options = options;
    this.#link = link;
    this.#inbox = `${options.inboxPrefix}.${randomBytes(12).toString("hex")}.`;
    let seq = 0;
    this.exchange = new Exchange({
      wheel,
      nextSeq: () => ++seq,
      describe: ({ topic }) => `request an answer of "${topic}"`,
      write: (number, outgoing) => {
        outgoing.check("request an answer of", link().maxPayload);
        this.#listen();
        const { writer, outbox } = link().wire;
        outgoing.reply = this.#inbox + number;
        outgoing.written = true;
        writer.publish(outgoing);
        outbox.touch();
      },
    });
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

  lost(cause: unknown): void {
    this.close(cause);
  }

  /** The user may not publish there. */
  denied(error: PermissionViolationError): void {
    const { subject } = error;
    this.#refuseAll(({ topic }) => topic === subject, error);
  }

  /** Whoever still gathers gets this. */
  close(error: unknown): void {
    for (const gatherer of [...this.#gatherers.values()]) gatherer.fail(error);
  }

  /** Subscribed with the first request: a user who never asks needs no right to. */
  #listen(): void {
    if (this.#subscription?.isClosed() === false) return;
    // The client writes it before the first request, which goes behind it.
    this.#subscription = this.#link().interests.subscribe(`${this.#inbox}*`, undefined, (error, message) => {
      if (error === null) this.#receive(message);
      else this.#refuseAll(() => true, error as PermissionViolationError);
    });
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
      if (nobody) gatherer?.fail(nobodyAnswers(gatherer.topic));
      else gatherer?.reply(messageOf(message));
      return;
    }
    const seq = Number(token);
    if (!nobody) return this.exchange.settle(seq, messageOf(message));
    if (this.#options.noResponders === "wait") return;
    this.exchange.refuse(seq, nobodyAnswers(this.#asked(seq)));
  }

  /** Only whoever asked gets to know. */
  #unreadable(token: string, cause: Error): void {
    const errorOf = (topic: string): PeerError =>
      new PeerError(`Cannot request an answer of "${topic}": ${cause.message}`, { status: 0, cause });
    const gatherer = this.#gatherers.get(token);
    if (gatherer !== undefined) return gatherer.fail(errorOf(gatherer.topic));
    const seq = Number(token);
    this.exchange.refuse(seq, errorOf(this.#asked(seq)));
  }

  /** The topic of a request, by its number. */
  #asked(seq: number): string {
    let asked = "";
    this.exchange.find(seq, ({ topic }, number) => {
      asked = topic;
      return number === seq;
    });
    return asked;
  }

  #refuseAll(
    matches: (outgoing: { readonly topic: string }) => boolean,
    error: PermissionViolationError,
  ): void {
    const action = (topic: string): string => `request an answer of "${topic}"`;
    for (;;) {
      let asked = "";
      const seq = this.exchange.find(0, (outgoing) => {
        asked = outgoing.topic;
        return matches(outgoing);
      });
      if (seq === undefined) break;
      this.exchange.refuse(seq, denialOf(error, action(asked)));
    }
    for (const gatherer of [...this.#gatherers.values()]) {
      if (matches(gatherer)) gatherer.fail(denialOf(error, action(gatherer.topic)));
    }
  }

  #checkIdle(): void {
    if (this.#gatherers.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}

function messageOf(message: Msg): DeliveredMessage {
  return new DeliveredMessage(new IncomingMessage(message), () => {});
}

function nobodyAnswers(topic: string): PeerError {
  return new PeerError(`Cannot request an answer of "${topic}": nobody is subscribed there`, {
    status: noResponders,
    description: "No Responders",
  });
}
