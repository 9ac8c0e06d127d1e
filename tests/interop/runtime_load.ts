import type { EventMeshPublishOptions } from "../../lib/eventmesh/mod.ts";
import type { Subscription } from "../../lib/messaging/mod.ts";
import { Ledger } from "../invariants/ledger.ts";
import { until } from "../support/until.ts";
import type { Client } from "./runtime_world.ts";

/** Publishes one message after the other, without waiting for them, until it is stopped; keeps a book of their fates. */
export class Load {
  readonly ledger: Ledger = new Ledger();
  readonly #books: Promise<void>[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(client: Client, topic: string, options: EventMeshPublishOptions = {}) {
    this.#running = this.#run(client, topic, options);
  }

  /** Waits until so many more have been confirmed. */
  async confirms(more: number): Promise<void> {
    const goal = this.ledger.confirmed.size + more;
    await until(() => this.ledger.confirmed.size >= goal, {
      timeout: 15_000,
      what: () => `${goal} confirmed publishes, there are ${this.ledger.confirmed.size}`,
    });
  }

  /** Publishes no more, and waits for the fates of all. */
  async stop(): Promise<Ledger> {
    this.#stopped = true;
    await this.#running;
    await Promise.all(this.#books);
    return this.ledger;
  }

  /** Texts of the messages with a fate. */
  of(fate: ReturnType<Ledger["fates"]["get"]>): string[] {
    return [...this.ledger.fates].filter(([, its]) => its === fate).map(([text]) => text);
  }

  async #run({ connection }: Client, topic: string, options: EventMeshPublishOptions): Promise<void> {
    for (let i = 0; !this.#stopped && connection.state !== "closed"; i++) {
      const text = `message ${i}`;
      this.#books.push(this.ledger.book(text, connection.publish(topic, text, options)));
      await until(() => this.ledger.started - this.ledger.settled < 40 || this.#stopped, { timeout: 60_000 });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** Handles what a subscription brings; the texts of it, in order. */
export function gather(subscription: Subscription): string[] {
  const texts: string[] = [];
  void subscription.consume((message) => void texts.push(message.text()));
  return texts;
}

/** Waits until lists have as many texts between them as a set, and proves that they are those of it. */
export async function gathered(
  lists: readonly (readonly string[])[],
  wanted: Iterable<string>,
): Promise<void> {
  const goal = [...wanted].sort();
  await until(() => lists.flat().length >= goal.length, {
    timeout: 10_000,
    what: () => `${goal.length} messages, there are ${lists.flat().length}`,
  });
  const got = lists.flat().sort();
  if (got.length !== goal.length || got.some((text, at) => text !== goal[at])) {
    const missing = goal.filter((text) => !got.includes(text));
    const more = got.filter((text, at) => !goal.includes(text) || got.indexOf(text) !== at);
    throw new Error(`Of ${goal.length} messages are missing: ${missing}; too many: ${more}`);
  }
}
