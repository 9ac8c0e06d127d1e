// npm run bench [-- RUNTIME ...]: confirmed publish and request/reply, client and server in separate processes, against
// a naive and a raw implementation of the same wire, in one interleaved run. Only ratios mean anything: see
// docs/performance.md.
import process from "node:process";
import { startActor, wantedRuntimes } from "./actors.mjs";
import { median, perSecond, ratios } from "./figures.mjs";

const systems = ["gracewire", "naive", "raw"];
const workloads = [
  { title: "publish, 256 outstanding", workload: "publish", outstanding: 256 },
  { title: "publish, 1 outstanding", workload: "publish", outstanding: 1 },
  { title: "request, 64 outstanding", workload: "request", outstanding: 64 },
  { title: "request, 1 outstanding", workload: "request", outstanding: 1 },
];
const rounds = Number(process.env.BENCH_ROUNDS ?? 6);
const slice = Number(process.env.BENCH_SLICE ?? 300);
const warmUp = 3;

const commands = wantedRuntimes();
console.log(
  "| runtime | workload | gracewire | of raw | over naive | processor time per operation, client + server |",
);
console.log("| --- | --- | ---: | ---: | ---: | ---: |");
for (const command of commands) await bench(command);
process.exit(0);

async function bench(command) {
  const pairs = {};
  for (const system of systems) {
    const server = await startActor(command, "actor.mjs", ["server", system]);
    const client = await startActor(command, "actor.mjs", ["client", system, server.ready]);
    pairs[system] = { server, client };
  }
  const { runtime } = pairs.gracewire.client;
  for (const { title, workload, outstanding } of workloads) {
    const results = Object.fromEntries(systems.map((system) => [system, []]));
    for (let round = -warmUp; round < rounds; round++) {
      // There and back again (A B C C B A): whoever always runs second would win by it.
      for (const system of [...systems, ...[...systems].reverse()]) {
        const result = await measure(pairs[system], { workload, outstanding, milliseconds: slice });
        if (round >= 0) results[system].push(result);
      }
    }
    console.log(row(runtime, title, results));
  }
  for (const { server, client } of Object.values(pairs)) {
    for (const actor of [client, server]) actor.child.kill("SIGKILL");
  }
}

async function measure({ server, client }, order) {
  const { cpu: before } = await server.ask({ workload: "cpu" });
  const { done, milliseconds, cpu } = await client.ask(order);
  const { cpu: after } = await server.ask({ workload: "cpu" });
  return { rate: (done / milliseconds) * 1_000, cost: ((cpu + after - before) / done) * 1_000 };
}

function row(runtime, title, { gracewire, naive, raw }) {
  const cost = [gracewire, naive, raw].map((results) => median(results.map(({ cost }) => cost)).toFixed(1));
  return `| ${runtime} | ${title} | ${perSecond(gracewire)} | ${ratios(gracewire, raw)} | ${
    ratios(gracewire, naive)
  } | ${cost[0]} µs (naive ${cost[1]}, raw ${cost[2]}) |`;
}
