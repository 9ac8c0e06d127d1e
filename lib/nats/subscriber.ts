import { type Msg, PermissionViolationError } from "@nats-io/nats-core/internal";
import { ConnectError, PeerError } from "../errors.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import type { RunningPhase } from "../lifecycle/running.ts";
import {
  type DeliveryBuffer,
  MessageSubscription,
  type SubscriptionPeer,
} from "../messaging/subscription.ts";
import { denialOf } from "./failure.ts";
import { Link, type LinkHandler, type LinkOptions } from "./link.ts";
import type { Interest, InterestHandler } from "./interests.ts";
import { FrameMessage } from "./frame_message.ts";
import { IncomingMessage, type Receiver, type Responder } from "./message.ts";
import type { Protocol } from "./protocol.ts";
import { reply } from "./reply.ts";
import type { Frame } from "./scanner.ts";

/** What a subscription is made of. */
export interface SubscriberOptions {
  /** The life of the connection. */
  readonly parent: Lifecycle;
  readonly topics: readonly string[];
  readonly queue: string | undefined;
  readonly buffer: DeliveryBuffer;
  /** The link of the connection, which it shares; or what a link of its own is made of. */
  readonly link: Link | Omit<LinkOptions, "handler" | "lifecycle">;
}

/** Part of the time for stopping the intake that is given to what is on its way. */
const settlingShare = 0.8;

/** The receiving side of one subscription. */
export class Subscriber implements SubscriptionPeer, InterestHandler, Receiver {
  readonly subscription: MessageSubscription;
  readonly #options: SubscriberOptions;
  readonly #link: Link;
  readonly #own: boolean;
  #subscriptions: Interest[] = [];
  /** The server does not allow it: told while it is being made, and afterwards. */
  #denial: PeerError | undefined = undefined;
  #confirmed = false;
  /** Reading is to stop. */
  #paused = false;

  constructor(options: SubscriberOptions) {
    const { buffer, link, parent, topics } = options;
    this.#options = options;
    this.subscription = new MessageSubscription({
      name: `subscription to "${topics.join(", ")}"`,
      parent,
      topics,
      buffer,
      unacked: "dropped",
      peer: this,
    });
    this.#own = !(link instanceof Link);
    this.#link = link instanceof Link
      ? link
      : new Link({ ...link, lifecycle: this.lifecycle, handler: this.#handler(), silent: true });
  }

  get lifecycle(): Lifecycle {
    return this.subscription.lifecycle;
  }

  /** Subscribes and waits for the server's word. Create-or-nothing. `timeout`: when the signal aborts by itself. */
  async start(signal: AbortSignal, timeout: number): Promise<void> {
    const { topics, queue } = this.#options;
    try {
      if (this.#own) await this.#link.start(signal, timeout);
      await this.#link.whenUp(signal);
      this.#subscriptions = topics.map((topic) => this.#link.interests.subscribe(topic, queue, this));
      await this.#confirm(signal);
      if (this.#paused) this.pause();
      if (this.#own) this.#link.announce();
      else this.lifecycle.opened();
    } catch (error) {
      this.#drop();
      if (this.#own) await this.#link.force();
      throw error;
    }
  }

  /** Before the server's word is here it is remembered: who reads nothing would wait for it in vain. */
  pause(): void {
    this.#paused = true;
    if (this.#own && this.#confirmed) this.#link.pause();
  }

  resume(): void {
    this.#paused = false;
    if (this.#own) this.#link.resume();
  }

  /** The server sends no more, and what it has sent is here. */
  async intake(step: Step): Promise<void> {
    const link = this.#link;
    for (const subscription of this.#subscriptions) link.interests.leave(subscription);
    if (!link.up) return;
    const limits = { timeout: step.remaining() * settlingShare, action: "settle", owner: step.signal };
    // A server that does not answer is left to the goodbye.
    await limited(limits, (signal) => link.settled(signal)).catch(() => {});
  }

  async goodbye(step: RunningPhase): Promise<void> {
    if (this.#own) {
      const told = await this.#link.goodbye(step);
      if (!told && !step.signal.aborted) this.lifecycle.lost();
      return;
    }
    const told = this.#link.up && await this.#link.settled(step.signal).then(() => true, () => false);
    this.#drop();
    if (!told && !step.signal.aborted) this.lifecycle.lost();
  }

  async force(): Promise<void> {
    this.#drop();
    if (this.#own) await this.#link.force();
  }

  release(): Promise<void> {
    return this.force();
  }

  report(): ReturnType<SubscriptionPeer["report"]> {
    if (!this.#own) return {};
    return { connections: this.#link.counts, residue: { sockets: this.#link.sockets } };
  }

  /** A PING behind the subscriptions: a refusal comes before its answer. After a loss they are made again, and so is it. */
  async #confirm(signal: AbortSignal): Promise<void> {
    while (!this.#confirmed) {
      await this.#link.whenUp(signal);
      await this.#link.settled(signal).then(() => this.#confirmed = true, (cause: unknown) => {
        // Lost first and aborted then: the loss alone would not have ended it.
        signal.throwIfAborted();
        if (this.#own && this.#denial === undefined) throw this.#interrupted(cause);
      });
      if (this.#denial !== undefined) throw this.#denial;
    }
  }

  #interrupted(cause: unknown): ConnectError {
    const address = this.#link.server;
    const message = `Cannot subscribe to "${
      this.#options.topics.join(", ")
    }": the connection to ${address} was lost`;
    return new ConnectError(message, { address, cause });
  }

  message(message: Msg): void {
    this.subscription.deliver(new IncomingMessage(message, this));
  }

  frame(frame: Frame): void {
    this.subscription.deliver(new FrameMessage(frame, this));
  }

  get protocol(): Protocol {
    return this.#link.protocol;
  }

  readonly respond: Responder = (message, data, signal) => {
    return reply({ link: this.#link, lifecycle: this.lifecycle }, message, data, signal);
  };

  denied(error: Error): void {
    const { topics } = this.#options;
    const action = `subscribe to "${topics.join(", ")}"`;
    const denial = error instanceof PermissionViolationError
      ? denialOf(error, action)
      : new PeerError(`Cannot ${action}: ${error.message}`, {
        status: 0,
        description: error.message,
        cause: error,
      });
    this.#denial ??= denial;
    if (this.#confirmed) void this.lifecycle.end({ cause: "refused", reason: denial, lost: true });
  }

  #drop(): void {
    for (const subscription of this.#subscriptions.splice(0)) this.#link.interests.drop(subscription);
  }

  #handler(): LinkHandler {
    return {
      opened() {},
      full() {},
      drain() {},
      lost() {},
      denied: (error) => this.lifecycle.fault(denialOf(error, `respond to "${error.subject}"`)),
      terminal: (error) => {
        const refused = error instanceof PeerError;
        void this.lifecycle.end({ cause: refused ? "refused" : "lost", reason: error, lost: true });
      },
    };
  }
}
