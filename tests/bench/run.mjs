// npm run bench [-- RUNTIME ...]: confirmed publish and request/reply, client and server in separate processes, against
// a naive and a raw implementation of the same wire, in one interleaved run. Only ratios mean anything: see
// docs/performance.md.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const bin = fileURLToPath(new URL("../../node_modules/.bin/", import.meta.url));
const runtimes = {
  node: ["node"],
  node24: ["npm", "exec", "--yes", "--package=node@24", "--", "node"],
  bun: [`${bin}bun`],
  deno: [`${bin}deno`, "run", "-A"],
};
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

const wanted = process.argv.slice(2).filter((word) => !word.startsWith("-"));
for (const name of wanted) {
  if (runtimes[name] === undefined) {
    fail(`expected a runtime out of ${Object.keys(runtimes).join(", ")}, got "${name}"`);
  }
}
if (!existsSync(new URL("../../dist/mod.js", import.meta.url))) {
  fail("expected a build in dist/: npm run build");
}

const actors = new Set();
process.on("exit", () => {
  for (const child of actors) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));

console.log(
  "| runtime | workload | gracewire | of raw | over naive | processor time per operation, client + server |",
);
console.log("| --- | --- | ---: | ---: | ---: | ---: |");
for (const name of wanted.length > 0 ? wanted : Object.keys(runtimes)) await bench(runtimes[name]);
process.exit(0);

async function bench(command) {
  const pairs = {};
  for (const system of systems) {
    const server = await start(command, ["server", system]);
    pairs[system] = { server, client: await start(command, ["client", system, server.ready]) };
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
  const ratio = (other) => {
    // Per round, there and back together.
    const ratios = [];
    for (let i = 0; i < gracewire.length; i += 2) {
      ratios.push((gracewire[i].rate + gracewire[i + 1].rate) / (other[i].rate + other[i + 1].rate));
    }
    ratios.sort((one, two) => one - two);
    return `${quantile(ratios, 0.5).toFixed(2)} (${quantile(ratios, 0.25).toFixed(2)} to ${
      quantile(ratios, 0.75).toFixed(2)
    })`;
  };
  const median = (results, key) =>
    quantile(results.map((result) => result[key]).sort((one, two) => one - two), 0.5);
  const cost = [gracewire, naive, raw].map((results) => `${median(results, "cost").toFixed(1)}`);
  const costs = `${cost[0]} µs (naive ${cost[1]}, raw ${cost[2]})`;
  return `| ${runtime} | ${title} | ${Math.round(median(gracewire, "rate")).toLocaleString("en")}/s | ${
    ratio(raw)
  } | ${ratio(naive)} | ${costs} |`;
}

function quantile(sorted, part) {
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

async function start([program, ...leading], words) {
  const child = spawn(program, [...leading, `${here}actor.mjs`, ...words], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  actors.add(child);
  child.on("exit", () => actors.delete(child));
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const timer = setTimeout(() => fail(`no answer of ${words.join(" ")} within 60 s`), 60_000);
    const { done, value } = await answers.next();
    clearTimeout(timer);
    if (done) fail(`${words.join(" ")} ended`);
    return JSON.parse(value);
  };
  const { ready, runtime } = await next();
  return {
    child,
    ready,
    runtime,
    ask(order) {
      child.stdin.write(`${JSON.stringify(order)}\n`);
      return next();
    },
  };
}

function fail(message) {
  console.error(`bench: ${message}`);
  process.exit(1);
}
