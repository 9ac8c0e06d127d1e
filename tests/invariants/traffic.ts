import { expect } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import type { EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { Counted, Network } from "../../lib/net/mod.ts";
import { type WatchedNetwork, watchNetwork } from "../support/watch.ts";
import type { Dice } from "./dice.ts";
import { checkTraffic, resident } from "./traffic_check.ts";
import { Client, pause, Seen } from "./traffic_client.ts";

/**
 * What may happen.
 *
 * - `calm`: everything but harm: nothing is cut, nobody gives up.
 * - `rough`: transports are cut at either end, and operations are aborted. The groups of the residents stay.
 * - `wild`: everything, requests and goodbyes at any moment included.
 */
export type Weather = "calm" | "rough" | "wild";

/** What a {@linkcode Traffic} is made of. */
export interface TrafficOptions {
  readonly dice: Dice;
  readonly network: Network & Counted;
  readonly weather: Weather;
  readonly steps: number;
  /** All messages are waited for before anybody leaves; otherwise the end comes in the midst of the work. */
  readonly settle: boolean;
}

const topics = ["t0", "t1"];

/** A broker, clients, and what happens between them. */
export class Traffic {
  readonly options: TrafficOptions;
  readonly network: WatchedNetwork;
  readonly seen: Seen = new Seen();
  readonly clients: Client[] = [];
  /** Transports that were cut. */
  kills = 0;
  #broker!: Broker;
  #texts = 0;
  readonly #works: Promise<unknown>[] = [];

  constructor(options: TrafficOptions) {
    this.options = options;
    this.network = watchNetwork(options.network, () => {});
  }

  /** Messages that were published. */
  get messages(): number {
    return this.#texts;
  }

  async run(): Promise<void> {
    const { dice, settle, steps } = this.options;
    this.#broker = await startBroker({ port: 0, network: this.network, ...brokerOptions });
    const first = await this.#connect();
    for (const group of resident) await first.subscribe(topics, { group, habit: "quick" });
    for (let step = 0; step < steps; step++) {
      this.#act();
      await pause(dice.chance(0.3) ? dice.below(60) : 0);
    }
    if (settle) await this.#settle();
    const broker = await this.#end();
    const farewells = await Promise.all(this.clients.map(({ connection }) => connection.closed));
    checkTraffic(broker, farewells, this);
  }

  #act(): void {
    const { dice, weather } = this.options;
    const client = dice.pick(this.clients);
    if (!client.open) return this.#spawn(() => this.#connect());
    const way = dice.below(weather === "calm" ? 60 : weather === "rough" ? 80 : 100);
    if (way < 40) this.#publish(client);
    else if (way < 44 && this.clients.length < 4) this.#spawn(() => this.#connect());
    else if (way < 50 && client.subscriptions.length < 4) this.#subscribe(client);
    else if (way < 60) this.#changeHabits();
    else if (way < 76) this.#cut();
    else if (way < 80) this.#freeze();
    else if (way < 88) this.#request(client);
    else if (way < 91) this.#move();
    else if (way < 94 && client !== this.clients[0]) this.#leave(client);
    else this.#endSubscription(client);
  }

  /** Starts work whose failure is part of the picture; every promise that counts is in a ledger. */
  #spawn(work: () => Promise<unknown>): void {
    this.#works.push(work().catch(() => {}));
  }

  async #connect(): Promise<Client> {
    const { dice } = this.options;
    const group = `publishers ${this.clients.length}`;
    const options = { ...clientOptions, network: this.network, group };
    const client = await Client.connect(this.#broker.url, options, dice, this.seen);
    this.clients.push(client);
    return client;
  }

  #publish(client: Client): void {
    const { dice, weather } = this.options;
    const count = 1 + dice.below(8);
    for (let i = 0; i < count; i++) {
      client.publish(dice.pick(topics), this.#text(), weather === "calm" ? undefined : this.#patience());
    }
  }

  #request(client: Client): void {
    const { dice } = this.options;
    client.request("questions", this.#text("question"), dice.pick([20, 200, 2_000]), this.#patience());
  }

  #text(what = "message"): string {
    return `${what} ${++this.#texts}`;
  }

  /** Mostly endless. */
  #patience(): AbortSignal | undefined {
    const { dice } = this.options;
    if (dice.chance(0.9)) return undefined;
    const controller = new AbortController();
    const reason = dice.pick([new Error("enough"), "enough", null, 0, { enough: true }]);
    this.#spawn(async () => {
      await pause(dice.below(3));
      controller.abort(reason);
    });
    return controller.signal;
  }

  #subscribe(client: Client): void {
    const { dice, weather } = this.options;
    const habit = dice.pick(["quick", "slow", "failing"] as const);
    const some = dice.chance(0.5) ? topics : [dice.pick(topics)];
    if (weather !== "wild") {
      return this.#spawn(() => client.subscribe(some, { group: dice.pick(resident), habit }));
    }
    const kind = dice.below(5);
    this.#spawn(() => {
      if (kind === 0) return client.subscribe(some, { group: "guests", habit: "leaving" });
      if (kind === 1) return client.subscribe(["questions"], { group: "answers", habit, type: "sync" });
      if (kind === 2) return client.subscribe(some, { group: "casts", habit, mode: "broadcasting" });
      if (kind === 3) {
        const overflow = dice.pick(["drop-oldest", "drop-newest", "fail"] as const);
        return client.subscribe(some, { group: "guests", habit: "slow", overflow, capacity: 3 });
      }
      return client.subscribe(some, { group: "guests", habit, capacity: 4 });
    });
  }

  #changeHabits(): void {
    const { dice } = this.options;
    const watched = dice.pick(this.clients).subscriptions;
    if (watched.length === 0) return;
    const one = dice.pick(watched);
    if (one.habit !== "leaving") one.habit = dice.pick(["quick", "slow", "failing"] as const);
  }

  #cut(): void {
    const { dice } = this.options;
    const { accepted, dialled } = this.network;
    if (dialled.size === 0 || accepted.size === 0) return;
    this.kills++;
    const way = dice.below(3);
    if (way === 0) dice.pick(dialled).reset();
    else if (way === 1) dice.pick(dialled).destroy();
    else dice.pick(accepted).destroy(Object.assign(new Error("read ETIMEDOUT"), { code: "ETIMEDOUT" }));
  }

  /** One direction stands still for a while. */
  #freeze(): void {
    const { dice } = this.options;
    const ends = [...this.network.accepted];
    if (ends.length === 0) return;
    const transport = dice.pick(ends);
    transport.pause();
    this.#spawn(async () => {
      await pause(dice.below(100));
      transport.resume();
    });
  }

  /** The broker sends away sessions of those who may miss something. */
  #move(): void {
    const { dice } = this.options;
    const guests = this.#broker.inspect().sessions.filter(({ group }) => !resident.includes(group));
    if (guests.length === 0) return;
    const { id } = dice.pick(guests);
    const { host, port } = this.#broker.address as { host: string; port: number };
    if (dice.chance(0.5)) this.#broker.redirect(id, { ip: host, port });
    else this.#spawn(() => this.#broker.disconnect(id, { grace: dice.pick([0, 50, 1_000]) }));
  }

  #leave({ connection }: Client): void {
    const { dice } = this.options;
    this.#spawn(() => connection.goodbye({ grace: dice.pick([0, 20, 1_000]), reason: "enough" }));
  }

  #endSubscription({ subscriptions }: Client): void {
    const { dice } = this.options;
    const guests = subscriptions.filter(({ group }) => !resident.includes(group));
    if (guests.length === 0) return;
    const { subscription } = dice.pick(guests);
    this.#spawn(() => subscription.goodbye({ grace: dice.pick([0, 20, 1_000]) }));
  }

  /** Everybody works well, and all that is on its way arrives. */
  async #settle(): Promise<void> {
    await Promise.all(this.#works);
    const [first] = this.clients;
    // What the guests have left behind finds its way, too.
    if (this.options.weather === "wild") await first!.subscribe(topics, { group: "guests", habit: "quick" });
    for (const { subscriptions } of this.clients) {
      for (const one of subscriptions) if (one.habit !== "leaving") one.habit = "quick";
    }
    const settled = (): boolean => {
      const { inFlight, queued, requests } = this.#broker.inspect();
      return inFlight + queued + requests === 0 &&
        this.clients.every(({ ledger }) => ledger.settled === ledger.started);
    };
    for (let i = 0; i < 10_000 && !settled(); i++) await pause(5);
    expect(settled(), JSON.stringify(this.#broker.inspect())).toBe(true);
  }

  /** Everybody says goodbye, in any order or at the same moment. */
  async #end(): Promise<Farewell> {
    const { dice, settle } = this.options;
    const grace = (): number => settle ? 5_000 : dice.pick([0, 50, 500, 5_000]);
    const leave = ({ connection }: Client): Promise<Farewell> => connection.goodbye({ grace: grace() });
    const leaveBroker = (): Promise<Farewell> => this.#broker.goodbye({ grace: grace() });
    const [first, ...others] = this.clients;
    if (settle) {
      await Promise.all(this.clients.map(leave));
      await leaveBroker();
    } else {
      const leaving: (() => Promise<unknown>)[] = others.map((client) => () => leave(client));
      leaving.splice(dice.below(leaving.length + 1), 0, leaveBroker);
      // The residents stay as long as anybody can publish.
      const intake = new Promise((resolve) => this.#broker.draining.addEventListener("abort", resolve));
      const all = leaving.map((end) => pause(dice.below(60)).then(end));
      await intake;
      await pause(dice.below(60));
      await Promise.all([...all, leave(first!)]);
    }
    await Promise.all(this.#works);
    // What was still connecting when its turn had passed.
    await Promise.all(this.clients.map(({ connection }) => connection.goodbye({ grace: 0 })));
    return await this.#broker.closed;
  }
}

const brokerOptions: BrokerOptions = { ackTimeout: 300, maxDeliveries: 1_000, goodbyeTimeout: 1_000 };
const clientOptions: EventMeshOptions = { reconnect: { min: 1, max: 20 }, timeout: 5_000 };
