// What a proof before each lease costs: `node tests/bench/pool.mjs [EventMesh or NATS URL]`, with the runtime of your
// choice and a build in dist/. Without a URL the embedded broker is started in a process of its own. One connection, 400 B
// messages, every publish confirmed; slices of the variants take turns, forwards and backwards.
import { spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { createPool } from "../../dist/lib/pool/mod.js";
import { connect } from "../../dist/mod.js";

const rounds = Number(process.env.BENCH_ROUNDS ?? 8);
const slice = Number(process.env.BENCH_SLICE ?? 250);
const { server, url } = process.argv[2] === undefined ? await startBroker() : { url: process.argv[2] };
const data = "x".repeat(400);
const { signal } = new AbortController();
const open = (until) => connect(url, { signal: until });
const bare = await open(signal);
const pools = {
  always: createPool({ open, min: 1, max: 1 }),
  "each second": createPool({ open, min: 1, max: 1, check: 1_000 }),
  never: createPool({ open, min: 1, max: 1, probe: false }),
};

const publish = (connection) => connection.publish("quiet", data, { signal });
const variants = {
  "no pool": () => publish(bare),
  ...Object.fromEntries(
    Object.entries(pools).map(([name, pool]) => [`lease per publish, proof ${name}`, async () => {
      const lease = await pool.acquire({ signal });
      await publish(lease.value);
      await lease.release();
    }]),
  ),
  "lease alone, proof always": async () => await (await pools.always.acquire({ signal })).release(),
  "lease alone, proof never": async () => await (await pools.never.acquire({ signal })).release(),
};

console.log(`${process.version} ${Object.keys(process.versions).includes("bun") ? "Bun" : ""}`.trim());
console.log("| outstanding | variant | per second | of no pool | µs each |");
console.log("| ---: | --- | ---: | ---: | ---: |");
for (const outstanding of [1, 64]) {
  const rates = Object.fromEntries(Object.keys(variants).map((name) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    const names = Object.keys(variants);
    for (const name of [...names, ...names.reverse()]) {
      const rate = await run(variants[name], outstanding);
      if (round >= 0) rates[name].push(rate);
    }
  }
  for (const [name, list] of Object.entries(rates)) {
    const ratio = median(list.map((rate, i) => rate / rates["no pool"][i]));
    const rate = median(list);
    console.log(
      `| ${outstanding} | ${name} | ${Math.round(rate)} | ${ratio.toFixed(2)} | ${(1e6 / rate).toFixed(1)} |`,
    );
  }
}
await Promise.all([bare, ...Object.values(pools)].map((endpoint) => endpoint.goodbye()));
server?.kill("SIGKILL");

async function run(operation, outstanding) {
  const start = performance.now();
  const end = start + slice;
  let done = 0;
  await Promise.all(Array.from({ length: outstanding }, async () => {
    do {
      await operation();
      done++;
    } while (performance.now() < end);
  }));
  return done / (performance.now() - start) * 1_000;
}

function median(list) {
  return [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)];
}

async function startBroker() {
  const actor = fileURLToPath(new URL("actor.mjs", import.meta.url));
  const args = process.versions.deno ? ["run", "-A", actor] : [actor];
  const child = spawn(process.execPath, [...args, "server", "gracewire"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) {
    return { server: child, url: JSON.parse(line).ready };
  }
  throw new Error("expected the broker to tell its address");
}
