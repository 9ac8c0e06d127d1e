/**
 * A day of a broker and its clients, in virtual time: heartbeats, traffic, and a connection that is lost every ten minutes.
 *
 * @module
 */
import { startBroker } from "../../../lib/broker/mod.ts";
import { connect } from "../../../lib/eventmesh/mod.ts";
import type { Endpoint } from "../../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../../lib/net/mod.ts";
import { TestClock } from "../../support/clock.ts";
import { countedAbort } from "../../support/signals.ts";
import { watchNetwork } from "../../support/watch.ts";
import { held } from "../memory.ts";

const minute = 60_000;
const start = performance.now();
const realNow = performance.now.bind(performance);
const told = { timers: 0, steps: 0, published: 0, answered: 0, heard: 0, lost: 0 };
const events: Record<string, number> = {};

const clock = new TestClock({ virtual: true, onFire: () => void told.timers++ });
const network = watchNetwork(memoryNetwork(), () => void told.steps++);
const { signal, listeners } = countedAbort();
clock.install();
const broker = await clock.until(startBroker({ network }));
const connection = await clock.until(connect(broker.url, { network, signal }));
const orders = await clock.until(connection.subscribe("orders", { signal }));
const questions = await clock.until(connection.subscribe("questions", { type: "sync", signal }));
for (const endpoint of [broker, connection, orders, questions]) void count(endpoint);
void orders.consume(() => void told.heard++, { signal });
void questions.consume(() => "answer", { signal });
const busy = listeners();

/** Every four hours: a runtime that is never told to collect keeps more of what it needs no longer. */
const heaps: number[] = [];
for (let hour = 0; hour < 48; hour++) {
  await clock.until(live(), 2 * 60 * minute, `hour ${hour}`);
  if (hour % 4 === 3) heaps.push((await held()).heap);
}
const standing = {
  linked: listeners() - busy,
  dialled: network.dialled.size,
  accepted: network.accepted.size,
};
const states = [connection.state, orders.state, questions.state];
const farewells = [await clock.until(connection.goodbye()), await clock.until(broker.goodbye())];
await clock.idle();
const left = { set: clock.timers.length, linked: listeners(), ...network.open() };
clock.uninstall();
const outcomes = farewells.map(({ outcome }) => outcome);
const hours = clock.time / 60 / minute;
const took = realNow() - start;
console.log(JSON.stringify({ hours, took, heaps, told, events, standing, states, outcomes, left }));

/** One hour of traffic: a publish every ten seconds, a request every minute, a loss every ten minutes. */
async function live(): Promise<void> {
  for (let tens = 0; tens < 360; tens++) {
    await connection.publish("orders", "an order", { signal });
    told.published++;
    if (tens % 6 === 0) {
      const answer = await connection.request("questions", "why", { signal, timeout: minute });
      if (answer.text() === "answer") told.answered++;
    }
    if (tens % 60 === 30) {
      told.lost++;
      const streams = [...network.dialled];
      streams[told.lost % streams.length]!.reset();
    }
    await new Promise((resolve) => setTimeout(resolve, 10_000));
  }
}

async function count(endpoint: Endpoint): Promise<void> {
  for await (const { type } of endpoint.events()) events[type] = (events[type] ?? 0) + 1;
}
