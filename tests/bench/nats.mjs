// npm run bench:nats [-- RUNTIME ...]: the NATS client against the bare official one, in one interleaved run with a real
// server; then outages of that server under load. Only ratios mean anything: see docs/performance.md.
import { loadavg } from "node:os";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fail, startActor, wantedRuntimes } from "./actors.mjs";
import { median, perSecond, ratios } from "./figures.mjs";
import { startNats } from "./nats_server.mjs";

const workloads = [
  { title: "request, 1 in flight", ours: "request", theirs: "request", as: "`request`" },
  { title: "request, 64 in flight", ours: "request", theirs: "request", as: "`request`", outstanding: 64 },
  {
    title: "request, 64 in flight",
    ours: "request",
    theirs: "requestUntraced",
    as: "`request`, `noAsyncTraces`",
    outstanding: 64,
  },
  {
    title: "request, 64 in flight, the official client answers",
    ours: "requestOfficial",
    theirs: "request",
    as: "`request`",
    outstanding: 64,
  },
  {
    title: "publish/subscribe, `for await`",
    ours: "iterate",
    theirs: "iterate",
    as: "`publish`, iterator",
  },
  { title: "publish/subscribe, handler", ours: "handle", theirs: "handle", as: "`publish`, callback" },
  {
    title: "confirmed publish, 64 in flight",
    ours: "publish",
    theirs: "publish",
    as: "`publish` and `flush`",
    outstanding: 64,
  },
  { title: "connect + goodbye", ours: "connect", theirs: "connectDrain", as: "`connect`, `drain`" },
  { title: "connect + goodbye", ours: "connect", theirs: "connectClose", as: "`connect`, `close`" },
];
const rounds = Number(process.env.BENCH_ROUNDS ?? 7);
const slice = Number(process.env.BENCH_SLICE ?? 150);
const outages = Number(process.env.BENCH_OUTAGES ?? 20);
const only = process.env.BENCH_ONLY;
const warmUp = 3;
/** Milliseconds of load before a kill, and without a server after it. */
const [upFor, downFor] = [400, 200];

const commands = wantedRuntimes(["node", "bun", "deno"]);
const server = await startNats();
await server.start();
say(`nats-server ${server.version}, ${rounds} rounds of slices of ${slice} ms, ${load()}`);
say("");
say("| runtime | workload, 128 B | gracewire | official | as | ratio | processor time per operation |");
say("| --- | --- | ---: | ---: | --- | ---: | ---: |");
const names = [];
for (const command of commands) names.push(await bench(command));
say("");
if (outages > 0) await outage();
say(`At the end: ${load()}`);
process.exit(0);

async function bench(command) {
  const start = (system) => startActor(command, "actor.mjs", ["client", `nats_${system}`, server.url]);
  const [ours, theirs] = [await start("gracewire"), await start("official")];
  for (const workload of workloads) {
    if (only !== undefined && !workload.title.includes(only)) continue;
    const results = { ours: [], theirs: [] };
    for (let round = -warmUp; round < rounds; round++) {
      // There and back again (A B B A): whoever always runs second would win by it.
      for (const [actor, which] of [[ours, "ours"], [theirs, "theirs"], [theirs, "theirs"], [ours, "ours"]]) {
        const result = await measure(actor, workload[which], workload.outstanding);
        if (round >= 0) results[which].push(result);
      }
    }
    say(row(ours.runtime, workload, results));
  }
  for (const { child } of [ours, theirs]) child.kill("SIGKILL");
  return ours.runtime;
}

async function measure(actor, workload, outstanding = 1) {
  const { done, milliseconds, cpu } = await actor.ask({ workload, outstanding, milliseconds: slice });
  return { rate: (done / milliseconds) * 1_000, cost: (cpu / done) * 1_000 };
}

function row(runtime, { title, as }, { ours, theirs }) {
  const [own, other] = [ours, theirs].map((results) => median(results.map(({ cost }) => cost)).toFixed(1));
  return `| ${runtime} | ${title} | ${perSecond(ours)} | ${perSecond(theirs)} | ${as} | ${
    ratios(ours, theirs)
  } | ${own} µs (official ${other}) |`;
}

/** Kills the server again and again under the load of all clients; they all go through the same outages. */
async function outage() {
  const actors = [];
  for (const [i, command] of commands.entries()) {
    for (const system of ["gracewire", "official"]) {
      const actor = await startActor(command, "nats_outages.mjs", [system, server.url, `${system}${i}`]);
      actors.push({ ...actor, runtime: names[i], system, times: [] });
    }
  }
  for (let i = 0; i < outages; i++) {
    await delay(upFor);
    await server.kill();
    await delay(downFor);
    await Promise.all(actors.map((actor) => actor.ask({ order: "down" })));
    const ready = await server.start();
    await Promise.all(actors.map(async (actor) => {
      const back = await actor.ask({ order: "recovered" });
      actor.times.push(back.map((time) => Math.max(0, time - ready)));
    }));
  }
  await delay(upFor);
  say(`${outages} times kill -9 under load, the server gone for ${downFor} ms, ${load()}`);
  say("");
  say(
    "| runtime | client | publishes | reported as sent | of these lost | failed | back after (median, max) |",
  );
  say("| --- | --- | ---: | ---: | ---: | ---: | ---: |");
  let lost = 0;
  for (const { ask, child, runtime, system, times } of actors) {
    for (const [at, result] of (await ask({ order: "end" })).entries()) {
      const list = times.map((each) => each[at]);
      const back = `${Math.round(median(list))} ms, ${Math.max(...list)} ms`;
      const cells = [result.published, result.reported, result.lost, result.failed].map((count) =>
        count.toLocaleString("en")
      );
      say(`| ${runtime} | ${system}: ${result.title} | ${cells.join(" | ")} | ${back} |`);
      if (system === "gracewire") lost += result.lost;
    }
    child.kill("SIGKILL");
  }
  say("");
  if (lost > 0) fail(`${lost} messages were confirmed and lost`);
}

function load() {
  return `load average ${loadavg()[0].toFixed(1)}`;
}

function say(line) {
  console.log(line);
}
