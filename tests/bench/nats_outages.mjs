// Clients under load, in a process of its own, that is told when the server is gone: `SYSTEM URL NAME`.
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";

const [system, url, name] = process.argv.slice(2);
const { startLoads } = await import(`./nats_${system}.mjs`);
const workers = 32;
/** Milliseconds that the end is waited for. */
const patience = 10_000;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const started = await Promise.all(
  Object.entries(await startLoads(url, name)).map(([title, load]) => start(title, load)),
);
say({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  const { order } = JSON.parse(line);
  if (order === "down") say(started.map((load) => load.down()));
  else if (order === "recovered") say(await Promise.all(started.map((load) => load.recovered)));
  else say(await Promise.all(started.map((load) => load.end())));
}
process.exit(0);

/** Publishes without end, and compares what was reported as sent with what has arrived. */
async function start(title, { publish, flush, start, stored, pause = 5 }) {
  const reported = [];
  const arrived = new Set();
  let [next, failed, over] = [0, 0, false];
  let back;
  const seen = () => back?.(Date.now());
  await start?.((text) => {
    arrived.add(Number.parseInt(text));
    seen();
  });
  const working = Promise.all(Array.from({ length: workers }, async () => {
    while (!over) {
      const number = next++;
      try {
        await publish(`${number} `.padEnd(128, "x"));
        reported.push(number);
        if (stored !== undefined) seen();
      } catch {
        failed++;
      }
      await delay(pause);
    }
  }));
  const load = {
    recovered: undefined,
    /** From now on the first sign of life counts. */
    down() {
      load.recovered = new Promise((resolve) => back = resolve);
      return next;
    },
    async end() {
      over = true;
      await Promise.race([working, delay(patience)]);
      return { title, published: next, reported: reported.length, failed, lost: await lost() };
    },
  };
  return load;

  async function lost() {
    if (stored !== undefined) return reported.length - await stored();
    const missing = () => reported.filter((number) => !arrived.has(number)).length;
    for (const end = Date.now() + 1_000; missing() > 0 && Date.now() < end;) {
      await Promise.race([flush(), delay(100)]);
      await delay(10);
    }
    return missing();
  }
}
