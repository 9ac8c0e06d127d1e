import { connect, type EventMeshConnection, type EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import type { Message, Subscription } from "../../lib/messaging/mod.ts";
import type { Dice } from "./dice.ts";
import { Ledger } from "./ledger.ts";

/** How the handlers of a subscription behave. */
export type Habit = "quick" | "slow" | "failing" | "leaving";

/** One subscription, and what its handlers have seen. */
export interface Watched {
  readonly subscription: Subscription;
  readonly group: string;
  /** May be changed at any time. */
  habit: Habit;
  /** Messages that were handed to a handler, redeliveries included. */
  handed: number;
  /** Those that a handler has done with. */
  done: number;
  /** The consumer has come to its end. */
  readonly over: Promise<unknown>;
}

/** Counts of all clients together: who has seen what. */
export class Seen {
  /** Texts that handlers have done with, by group. */
  readonly done: Map<string, Set<string>> = new Map();
  /** Texts that any handler was handed. */
  readonly any: Set<string> = new Set();

  of(group: string): Set<string> {
    let seen = this.done.get(group);
    if (seen === undefined) this.done.set(group, seen = new Set());
    return seen;
  }
}

/** A client that keeps books of all it does. */
export class Client {
  readonly ledger: Ledger = new Ledger();
  readonly subscriptions: Watched[] = [];
  readonly connection: EventMeshConnection;
  readonly #dice: Dice;
  readonly #seen: Seen;

  constructor(connection: EventMeshConnection, dice: Dice, seen: Seen) {
    this.connection = connection;
    this.#dice = dice;
    this.#seen = seen;
  }

  static async connect(url: string, options: EventMeshOptions, dice: Dice, seen: Seen): Promise<Client> {
    return new Client(await connect(url, options), dice, seen);
  }

  get open(): boolean {
    return this.connection.state !== "closed";
  }

  publish(topic: string, text: string, signal?: AbortSignal): void {
    const command = this.#dice.chance(0.2) ? "broadcast" : "publish";
    void this.ledger.book(text, this.connection[command](topic, text, { signal }), signal);
  }

  request(topic: string, text: string, timeout: number, signal?: AbortSignal): void {
    void this.ledger.book(text, this.connection.request(topic, text, { signal, timeout }), signal);
  }

  async subscribe(
    topics: readonly string[],
    { group, habit, ...options }:
      & { group: string; habit: Habit }
      & Parameters<EventMeshConnection["subscribe"]>[1],
  ): Promise<Watched> {
    const subscription = await this.connection.subscribe(topics, { group, ...options });
    const watched: Watched = { subscription, group, habit, handed: 0, done: 0, over: Promise.resolve() };
    const over = habit === "leaving" ? this.#loop(watched) : subscription.consume(
      (message) => this.#handle(watched, message),
      { concurrency: 1 + this.#dice.below(4) },
    );
    Object.assign(watched, { over });
    this.subscriptions.push(watched);
    return watched;
  }

  async #handle(watched: Watched, message: Message): Promise<string | undefined> {
    watched.handed++;
    const text = message.text();
    this.#seen.any.add(text);
    const { habit } = watched;
    if (habit !== "quick") await pause(this.#dice.below(habit === "slow" ? 40 : 5));
    if (habit === "failing" && this.#dice.chance(0.3)) throw new Error("a handler that fails");
    this.#seen.of(watched.group).add(text);
    watched.done++;
    return message.wantsReply ? `answer to ${text}` : undefined;
  }

  /** Takes some messages in a loop, and leaves it. */
  async #loop(watched: Watched): Promise<void> {
    let left = 1 + this.#dice.below(30);
    try {
      for await (const message of watched.subscription) {
        watched.handed++;
        this.#seen.any.add(message.text());
        if (--left === 0) break;
        await pause(this.#dice.below(3));
        this.#seen.of(watched.group).add(message.text());
        watched.done++;
      }
    } catch {
      // The reason of an abort, or a loss: its Farewell tells.
    }
  }
}

/** Milliseconds, or one turn of the event loop. */
export function pause(time: number): Promise<void> {
  return new Promise((resolve) => time === 0 ? setImmediate(resolve) : setTimeout(resolve, time));
}
