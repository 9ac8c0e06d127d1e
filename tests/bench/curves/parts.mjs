// What is measured in one runtime. Each part returns plain figures.
import { median, quantile } from "../figures.mjs";
import { startProgram } from "./programs.mjs";

const rounds = Number(process.env.BENCH_ROUNDS ?? 4);
const warmUp = 2;
/** Messages of a slice: at each of 1,000 clients 16, and nearly two at each of 10,000 topics. */
const messages = 16_000;

export const parts = { wiring, heap, topics, sessions, idle };

/** Nanoseconds of an operation's signal and time limit. */
async function wiring(command) {
  const program = await startProgram(command, "wiring");
  const { costs } = await program.do("run", { rounds: 2 * rounds + 3, slice: 8 });
  program.stop();
  return costs;
}

/** What a request that waits for its answer takes of the heap of either side, and what is left of many. */
async function heap(command) {
  const broker = await startProgram(command, "broker");
  const [clients, answering] = [
    await startProgram(command, "clients", "requests", broker.ready),
    await startProgram(command, "clients", "answers", broker.ready),
  ];
  const held = async () => {
    const [client, server] = [await clients.do("held"), await broker.do("held")];
    return { client: client.heap, broker: server.heap };
  };
  const run = async (count) => {
    await clients.do("ask", { count });
    await reaches(broker, "requests", count);
    const during = await held();
    await answering.do("start");
    const { right } = await clients.do("replies");
    await answering.do("stop");
    if (right !== count) throw new Error(`${right} of ${count} requests got their answer`);
    await reaches(broker, "requests", 0);
    return during;
  };
  const most = 100_000;
  // Whatever grows once with the number has grown then.
  await run(most);
  const before = await held();
  const figures = [];
  for (const count of [1_000, 10_000, most]) {
    const [base, during] = [await held(), await run(count)];
    figures.push({
      count,
      client: (during.client - base.client) / count,
      broker: (during.broker - base.broker) / count,
    });
  }
  const after = await held();
  stop(clients, answering, broker);
  return { figures, left: { client: after.client - before.client, broker: after.broker - before.broker } };
}

/** Processor time of a message, by the number of topics; and with most of them idle. */
function topics(command) {
  return curve(command, "topics", [10, 100, 1_000, 10_000]);
}

/** The same by the number of clients. */
function sessions(command) {
  return curve(command, "sessions", [1, 10, 100, 1_000]);
}

/** What idle sessions take of a broker. */
async function idle(command) {
  const broker = await startProgram(command, "broker");
  return await idleSessions(command, broker.ready, {
    held: () => broker.do("held"),
    async reaches(count) {
      await reaches(broker, "sessions", count);
    },
    stop: () => broker.stop(),
  });
}

/** A thousand come and go, so that what is done once is done; then they come again, and stay. */
export async function idleSessions(command, address, server) {
  const count = 1_000;
  const clients = await startProgram(command, "clients", "idle", address, String(count));
  await clients.do("open");
  await server.reaches(count);
  await clients.do("leave");
  await server.reaches(0);
  const before = await server.held();
  await clients.do("open");
  await server.reaches(count);
  const after = await server.held();
  clients.stop();
  server.stop();
  return { count, before, after };
}

/**
 * Slices of all points of a curve take turns, there and back: nobody always runs when the machine is busy. Beside the curve
 * stands the last point with most of its places idle, which tells what the number does from what is in use.
 */
async function curve(command, kind, numbers) {
  const points = [...numbers.map((x) => ({ x })), { x: numbers.at(-1), used: 10 }];
  const pairs = [];
  for (const { x, used } of points) {
    const broker = await startProgram(command, "broker");
    const clients = await startProgram(command, "clients", kind, broker.ready, String(x), String(used ?? x));
    pairs.push({ x, used, broker, clients, costs: [] });
  }
  for (let round = -warmUp; round < rounds; round++) {
    for (const pair of [...pairs, ...[...pairs].reverse()]) {
      const cost = await measure(pair);
      if (round >= 0) pair.costs.push(cost);
    }
  }
  for (const { broker, clients } of pairs) stop(clients, broker);
  return pairs.map(({ x, used, costs }) => ({
    x,
    used,
    y: median(costs),
    low: quantile(costs, 0.25),
    high: quantile(costs, 0.75),
    // Of each round the mean of there and back, compared with the first point in the same round.
    ratios: [0.5, 0.25, 0.75].map((part) => quantile(roundsOf(costs, pairs[0].costs), part)),
  }));
}

function roundsOf(ones, others) {
  const list = [];
  for (let i = 0; i < ones.length; i += 2) {
    list.push((ones[i] + ones[i + 1]) / (others[i] + others[i + 1]));
  }
  return list;
}

/** Microseconds of processor time of both sides for a message. */
async function measure({ broker, clients }) {
  const { cpu: before } = await broker.do("cpu");
  const { cpu } = await clients.do("publish", { messages });
  const { cpu: after } = await broker.do("cpu");
  return (cpu + after - before) / messages * 1_000;
}

/** Waits until the broker counts so many. */
async function reaches(broker, what, count) {
  for (let attempt = 0; attempt < 3_000; attempt++) {
    const counts = await broker.do("count");
    if (counts[what] === count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`The broker did not come to ${count} ${what} within a minute`);
}

function stop(...programs) {
  for (const program of programs) program.stop();
}
