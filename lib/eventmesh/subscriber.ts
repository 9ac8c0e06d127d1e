import { PeerError } from "../errors.ts";
import type { Lifecycle, Step } from "../lifecycle/lifecycle.ts";
import {
  type DeliveryBuffer,
  MessageSubscription,
  type SubscriptionPeer,
} from "../messaging/subscription.ts";
import { Answerer } from "./answerer.ts";
import { explain, refusalOf } from "./failure.ts";
import { IncomingMessage } from "./incoming.ts";
import { Link, type LinkHandler } from "./link.ts";
import type { Route } from "./route.ts";
import type { Session, SessionContext } from "./session.ts";
import {
  encodeSubscription,
  EventReader,
  type Packet,
  type SubscriptionMode,
  type SubscriptionType,
} from "./wire/mod.ts";

/** What a subscription is made of. */
export interface SubscriberOptions {
  /** The life of the connection. */
  readonly parent: Lifecycle;
  readonly topics: readonly string[];
  readonly mode: SubscriptionMode;
  readonly type: SubscriptionType;
  readonly group: string;
  readonly buffer: DeliveryBuffer;
}

/**
 * The receiving side of one subscription, on a link of its own: ending it is that link's goodbye, and slow handlers of
 * one subscription block no other.
 */
export class Subscriber implements SubscriptionPeer {
  readonly subscription: MessageSubscription;
  readonly #options: SubscriberOptions;
  readonly #link: Link;
  readonly #answerer: Answerer;
  readonly #reader: EventReader = new EventReader();
  #paused = false;
  #told = false;

  constructor(context: SessionContext, route: Route, options: SubscriberOptions) {
    this.#options = options;
    this.subscription = new MessageSubscription({
      name: `subscription to "${options.topics.join(", ")}"`,
      parent: options.parent,
      topics: options.topics,
      buffer: options.buffer,
      // What one member of a group does not acknowledge, another gets; nobody gets what was for each.
      unacked: options.mode === "CLUSTERING" ? "returned" : "dropped",
      peer: this,
    });
    const { maxFrame } = context.options;
    this.#answerer = new Answerer({ maxFrame, nextSeq: () => context.nextSeq() });
    const { group } = options;
    const { lifecycle } = this;
    this.#link = new Link({ context, route, purpose: "sub", group, lifecycle, handler: this.#handler() });
  }

  get lifecycle(): Lifecycle {
    return this.subscription.lifecycle;
  }

  get sockets(): number {
    return this.#link.sockets;
  }

  /** Connects, subscribes and listens. Create-or-nothing. `timeout`: when the signal aborts by itself. */
  start(signal: AbortSignal, timeout: number): Promise<void> {
    return this.#link.start(signal, timeout);
  }

  pause(): void {
    this.#paused = true;
    this.#link.session?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#link.session?.resume();
  }

  async goodbye(step: Step): Promise<void> {
    this.#told = await this.#link.goodbye(step);
    if (!this.#told && !step.signal.aborted) this.lifecycle.lost();
  }

  force(): Promise<void> {
    return this.#link.force();
  }

  release(): Promise<void> {
    return this.#link.force();
  }

  report(): ReturnType<SubscriptionPeer["report"]> {
    return { connections: this.#link.counts, residue: { sockets: this.#link.sockets } };
  }

  async #setup(session: Session, signal: AbortSignal): Promise<void> {
    const { topics, mode, type } = this.#options;
    const items = topics.map((topic) => ({ topic, mode, type }));
    try {
      await session.control("SUBSCRIBE_REQUEST", encodeSubscription(items), signal);
      await session.control("LISTEN_REQUEST", undefined, signal);
    } catch (error) {
      throw explain(error, `subscribe to "${topics.join(", ")}"`);
    }
  }

  #handler(): LinkHandler {
    return {
      setup: (session, signal) => this.#setup(session, signal),
      packet: (packet, session) => this.#packet(packet, session),
      opened: (session) => {
        if (this.#paused) session.pause();
      },
      full: () => {},
      drain: () => {},
      leaving: () => {},
      staying: () => {},
      quiet: (session) => {
        // What it has already brought can be finished, but not while it brings more and more.
        session.pause();
        return session.deliveries.none();
      },
      lost: () => {},
      terminal: (error) => {
        const refused = error instanceof PeerError;
        void this.lifecycle.end({ cause: refused ? "refused" : "lost", reason: error, lost: true });
      },
    };
  }

  #packet(packet: Packet, session: Session): void {
    const { command, code } = packet;
    const pushed = command === "REQUEST_TO_CLIENT" || command === "ASYNC_MESSAGE_TO_CLIENT" ||
      command === "BROADCAST_MESSAGE_TO_CLIENT";
    if (!pushed) {
      // A reply of ours that did not get through: nothing else tells of it.
      if (command === "RESPONSE_TO_SERVER" && code !== 0) {
        this.lifecycle.fault(
          explain(refusalOf(packet), `respond to a message of "${this.#options.topics.join(", ")}"`),
        );
      }
      return;
    }
    if (this.#comesTooLate(session)) return;
    try {
      if (code !== 0) {
        throw explain(refusalOf(packet), `read a message of "${this.#options.topics.join(", ")}"`);
      }
      this.subscription.deliver(new IncomingMessage(packet, this.#reader, session, this.#answerer));
    } catch (error) {
      // There is no message in it: delivered again, it would be none either.
      this.#answerer.acknowledge(packet, session);
      this.lifecycle.fault(error);
    }
  }

  /**
   * On a session that is left, after our goodbye: its acknowledgement would hardly get through. Another member of the
   * group gets the message, perhaps this one on its new session. What is for every member is taken while it comes.
   */
  #comesTooLate(session: Session): boolean {
    return session.goodbyeSaid && session !== this.#link.session && this.#options.mode === "CLUSTERING" &&
      !this.lifecycle.ending;
  }
}
