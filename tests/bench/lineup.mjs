// The systems of one runtime, each a client and a server in processes of their own, measured in turn.
import { startActor } from "./actors.mjs";

export class Lineup {
  /** By name: a client, and the entry of the server that it is connected to. */
  systems = {};
  #command;
  /** Servers by the name of their system, with what clients have done there. */
  #servers = new Map();

  constructor(command) {
    this.#command = command;
  }

  /** Starts a system: `NAME`, or `CLIENT@SERVER` for the client of one with the server of the other. */
  async start(name) {
    const [client, server = client] = name.split("@");
    const entry = await this.#server(server);
    this.join(
      name,
      await startActor(this.#command, "actor.mjs", ["client", client, entry.actor.ready]),
      entry,
    );
    await this.#check(name);
  }

  /** Adds a client of another kind. `entry`: where it is connected. */
  join(name, client, entry) {
    this.systems[name] = { client, entry };
  }

  /** A server of another kind: it has an `ask` of its own, and does not count what it gets. */
  foreign(actor) {
    return { actor, done: 0, failed: 0 };
  }

  async #server(name) {
    if (!this.#servers.has(name)) {
      const actor = await startActor(this.#command, "actor.mjs", ["server", name]);
      this.#servers.set(name, { actor, done: 0, failed: 0 });
    }
    return this.#servers.get(name);
  }

  /** The processes of all systems. */
  get pids() {
    return Object.values(this.systems).flatMap(({ client, entry }) => [client.pid, entry.actor.pid]);
  }

  /**
   * Measures systems in turn, there and back again in each round (A B C C B A): whoever always runs second would win by
   * it. Resolves with the results of the slices by system; those of the first rounds are left out.
   */
  async measure(names, order, { rounds, warmUp }) {
    const results = Object.fromEntries(names.map((name) => [name, []]));
    for (let round = -warmUp; round < rounds; round++) {
      for (const name of [...names, ...[...names].reverse()]) {
        const result = await this.slice(name, order);
        if (round >= 0) results[name].push(result);
      }
    }
    return results;
  }

  /** `lenient`: what has failed is counted as if it had been done. */
  async slice(name, { lenient = false, of, ...order }) {
    const { client, entry } = this.systems[name];
    const { cpu: before } = await entry.actor.ask({ workload: "cpu" });
    const { done, failed = 0, milliseconds, cpu, p50 = NaN, p99 = NaN } = await client.ask({
      ...order,
      ...of?.[name],
    });
    const { cpu: after } = await entry.actor.ask({ workload: "cpu" });
    entry.done += done;
    entry.failed += failed;
    const count = lenient ? done + failed : done;
    const share = failed / (done + failed);
    return {
      rate: (count / milliseconds) * 1_000,
      cost: ((cpu + after - before) / count) * 1_000,
      p50,
      p99,
      share,
    };
  }

  /** Sees that every message arrives as it was sent, and that each server has got as many as were confirmed. */
  async verify() {
    for (const name of Object.keys(this.systems)) if (this.systems[name].checks) await this.#check(name);
    for (const [name, { actor, done, failed }] of this.#servers) {
      const { published } = await actor.ask({ workload: "published" });
      if (published < done || published > done + failed) {
        throw new Error(`expected ${done} messages at the server ${name}, got ${published}`);
      }
    }
  }

  async #check(name) {
    const system = this.systems[name];
    system.checks = true;
    system.entry.done += (await system.client.ask({ workload: "check" })).done;
  }

  stop() {
    const actors = Object.values(this.systems).map(({ client }) => client);
    for (const { actor } of this.#servers.values()) actors.push(actor);
    for (const { child } of actors) child.kill("SIGKILL");
  }
}
