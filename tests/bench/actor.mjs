// One end of one system in a process of its own, told over standard input what to do: `ROLE SYSTEM [ADDRESS]`.
import process from "node:process";
import { createInterface } from "node:readline";

const [role, name, address] = process.argv.slice(2);
const size = 400;
const system = await import(`./${name}.mjs`);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const client = role === "client" ? await system.startClient(address, { size }) : undefined;
say({ ready: role === "client" ? true : await system.startServer({ size }), runtime: runtime() });

for await (const line of createInterface({ input: process.stdin })) {
  const { workload, outstanding, milliseconds } = JSON.parse(line);
  if (workload === "cpu") {
    say({ cpu: cpu() });
    continue;
  }
  const before = cpu();
  const start = performance.now();
  const done = client[`${workload}Loop`] === undefined
    ? await loop(client[workload], outstanding, milliseconds)
    : await client[`${workload}Loop`](outstanding, milliseconds);
  say({ done, milliseconds: performance.now() - start, cpu: cpu() - before });
}
process.exit(0);

/** So many callers, each with one operation at a time, until the time is over. */
async function loop(operation, outstanding, milliseconds) {
  const end = performance.now() + milliseconds;
  let done = 0;
  await Promise.all(Array.from({ length: outstanding }, async () => {
    do {
      await operation();
      done++;
    } while (performance.now() < end);
  }));
  return done;
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
