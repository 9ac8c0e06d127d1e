// One end of one system in a process of its own, told over standard input what to do: `ROLE SYSTEM [WORD ...]`.
import process from "node:process";
import { createInterface } from "node:readline";
import { quantile } from "./figures.mjs";

const [role, name, ...words] = process.argv.slice(2);
const system = await import(`./${name}.mjs`);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const client = role === "client" ? await system.startClient(...words) : undefined;
const server = role === "server" ? await system.startServer(...words) : undefined;
say({ ready: server?.address ?? true, runtime: runtime(), pid: process.pid });

/** What is not a workload. */
const questions = {
  cpu: () => ({ cpu: cpu() }),
  published: () => ({ published: server.published() }),
  check: async () => ({ done: await client.check() }),
};

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  say(await (questions[order.workload] ?? run)(order));
}
process.exit(0);

async function run({ workload, outstanding, milliseconds }) {
  const before = cpu();
  const start = performance.now();
  const { until = performance.now(), ...result } = client[`${workload}Loop`] === undefined
    ? await loop(client[workload], outstanding, milliseconds)
    : { done: await client[`${workload}Loop`](outstanding, milliseconds) };
  return { ...result, milliseconds: until - start, cpu: cpu() - before };
}

/**
 * So many callers, each with one operation at a time, until the time is over. One that resolves with false has failed, and
 * how long it took to do so does not count. Of a single caller the time of each operation is taken, in microseconds.
 */
async function loop(operation, outstanding, milliseconds) {
  const end = performance.now() + milliseconds;
  if (outstanding === 1) return await timed(operation, end);
  let done = 0;
  let failed = 0;
  let until = end;
  await Promise.all(Array.from({ length: outstanding }, async () => {
    for (let now = 0; now < end;) {
      const succeeded = await operation() !== false;
      now = performance.now();
      if (succeeded) {
        done++;
        until = now;
      } else failed++;
    }
  }));
  return { done, failed, until: Math.max(until, end) };
}

async function timed(operation, end) {
  const times = [];
  let failed = 0;
  for (let before = performance.now(); before < end;) {
    const succeeded = await operation() !== false;
    const now = performance.now();
    if (succeeded) times.push((now - before) * 1_000);
    else failed++;
    before = now;
  }
  return { done: times.length, failed, p50: quantile(times, 0.5), p99: quantile(times, 0.99) };
}

/** Milliseconds of processor time so far. */
function cpu() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

function runtime() {
  if (process.versions.bun) return `Bun ${process.versions.bun}`;
  return process.versions.deno ? `Deno ${process.versions.deno}` : `Node ${process.versions.node}`;
}
