// What is measured on one runtime. Each section resolves with its results by system, or with undefined when it is left out.
import process from "node:process";
import { startActor } from "./actors.mjs";
import { quantile } from "./figures.mjs";
import { Lineup } from "./lineup.mjs";
import { canPin, onOneCore } from "./pinning.mjs";

/** What is kept on its way at a time, and from how many connections where there are many. */
export const outstanding = { publish: 256, request: 512, connections: 32 };

export const titles = {
  publish: `publish, ${outstanding.publish} outstanding`,
  request: `request, ${outstanding.request} outstanding`,
  publishTrip: "publish, 1 outstanding",
  requestTrip: "request, 1 outstanding",
  broker: "publish, 1 outstanding, one subscriber",
  many: `publish, ${outstanding.connections} connections, ${outstanding.publish} outstanding, one subscriber`,
};

const threads = [1, 2, 4, 8, 16];
const connections = [1, 2, 4, 8];
/** What the threads of Java are spread over: no connection without a thread. */
const mixes = threads.flatMap((count) =>
  connections.filter((spread) => spread <= count).map((spread) => ({
    outstanding: count,
    connections: spread,
  }))
);

/** Whether anything is measured for which the runtime of EventMesh is needed. */
export function wantsRuntime({ only }) {
  return [titles.broker, titles.many].some((title) => title.includes(only));
}

/** Measures one runtime. `java` starts the client of the Java SDK, `runtime` is the one of EventMesh; both may be missing. */
export async function measureRuntime(command, options, { java, runtime, tell }) {
  const lineup = new Lineup(command);
  for (const name of options.systems) await lineup.start(name);
  const [first] = options.systems;
  const name = lineup.systems[first].client.runtime;
  const present = (list) => [...new Set(list)].filter((system) => lineup.systems[system] !== undefined);
  const others = options.systems.filter((system) => system.includes("@"));
  const section = async (title, names, order, rounds = options) => {
    if (!title.includes(options.only)) return undefined;
    tell(`${name}: ${title}`);
    return await lineup.measure(present(names), { milliseconds: options.slice, ...order }, rounds);
  };
  const trips = async (names, rounds) => ({
    publish: await section(titles.publishTrip, names, { workload: "publish", outstanding: 1 }, rounds),
    request: await section(titles.requestTrip, names, { workload: "request", outstanding: 1 }, rounds),
  });

  const broker = lineup.systems.gracewire?.entry;
  if (java !== undefined && broker !== undefined) {
    lineup.join("java", await java(broker.actor.ready, "bench-java"), broker);
  }
  const results = { name };
  if (lineup.systems.java !== undefined && titles.publish.includes(options.only)) {
    tell(`${name}: the best mix of threads and connections of the Java SDK on the broker`);
    results.mix = await bestMix(lineup, "java", options);
  }
  results.publish = await section(titles.publish, ["gracewire", "tuned", "naive", "java", ...others], {
    workload: "publish",
    outstanding: outstanding.publish,
    of: { java: results.mix },
  });
  results.request = await section(titles.request, ["gracewire", "tuned", "naive", ...others], {
    workload: "request",
    outstanding: outstanding.request,
  });
  const competitors = ["gracewire", "tuned", "raw", "java", ...others];
  if (canPin) results.oneCore = await onOneCore(lineup.pids, () => trips(competitors));
  results.anyCore = await trips(competitors, half(options));
  if (runtime !== undefined && broker !== undefined) {
    await beside(lineup, broker, { command, java, runtime, name, options, section, results, tell });
  }
  await lineup.verify();
  lineup.stop();
  return results;
}

/** The broker and the runtime of EventMesh, with the same client and one subscriber, without which the runtime stores nothing. */
async function beside(lineup, broker, { command, java, runtime, options, section, results, tell, name }) {
  const theirs = lineup.foreign(runtime);
  const subscribers = [
    await joinFleet(lineup, command, "broker", broker),
    await joinFleet(lineup, command, "runtime", theirs, java),
  ];
  const names = ["fleet@broker", "fleet@runtime", "java@runtime"];
  const trip = { workload: "publish", outstanding: 1 };
  results.broker = { anyCore: await section(titles.broker, names, trip, half(options)) };
  if (canPin) {
    const pids = [...lineup.pids, ...subscribers.map(({ pid }) => pid)];
    results.broker.oneCore = await onOneCore(pids, () => section(titles.broker, names, trip));
  }
  // What is not confirmed is counted as well: the runtime does not confirm all that it takes.
  const many = { workload: "publishOverAll", outstanding: outstanding.publish, lenient: true };
  results.many = await section(
    titles.many,
    ["fleet@broker", "fleet@runtime"],
    { ...many, milliseconds: 4 * options.slice },
    half(options),
  );
  if (options.mixOfRuntime && java !== undefined) {
    tell(`${name}: the best mix of threads and connections of the Java SDK on the EventMesh runtime`);
    results.mixOfRuntime = await bestMix(lineup, "java@runtime", options);
  }
  for (const { child } of subscribers) child.kill("SIGKILL");
}

/** For what is warm, and less important. */
function half({ rounds }) {
  return { rounds: Math.ceil(rounds / 2), warmUp: 1 };
}

/** Adds clients of a server that publish to a topic of their own. Resolves with who subscribes to it. */
async function joinFleet(lineup, command, server, entry, java) {
  const address = entry.actor.ready;
  // No topic twice: the runtime forgets one when its last subscriber goes, and never takes it again.
  const topic = `bench-${process.hrtime.bigint()}`;
  const start = (...words) => startActor(command, "actor.mjs", ["client", "fleet", address, topic, ...words]);
  const subscriber = await start();
  lineup.join(`fleet@${server}`, await start(outstanding.connections), entry);
  if (java !== undefined) lineup.join(`java@${server}`, await java(address, topic), entry);
  return subscriber;
}

/** Tries all mixes there and back, after a while of each kind of load, and resolves with the fastest and its rate. */
async function bestMix(lineup, name, { slice }) {
  const rates = new Map(mixes.map((mix) => [mix, 0]));
  const run = async (mix, milliseconds) => {
    const { rate } = await lineup.slice(name, { workload: "publish", milliseconds, ...mix });
    return rate;
  };
  for (const mix of mixes.slice(0, 6)) await run(mix, 2 * slice);
  for (const mix of [...mixes, ...[...mixes].reverse()]) {
    rates.set(mix, rates.get(mix) + await run(mix, slice) / 2);
  }
  const best = quantile([...rates.values()], 1);
  const [mix] = [...rates].find(([, rate]) => rate === best);
  return { ...mix, rate: best };
}
