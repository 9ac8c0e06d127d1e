// npm run bench [-- RUNTIME ...] [--only=TEXT] [--systems=NAME,...] [--rounds=N] [--slice=MS] [--write]
//
// Confirmed publish and request/reply, client and server in separate processes, beside a naive and a tuned
// implementation of the same wire, a raw echo of the same bytes, the Java SDK of EventMesh and its runtime. Only ratios
// mean anything: see docs/performance.md.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { bin, wantedRuntimes } from "./actors.mjs";
import { replaceBetween } from "./curves/document.mjs";
import { readOptions } from "./options.mjs";
import { prepareJava, startRuntime } from "./others.mjs";
import { canPin } from "./pinning.mjs";
import { measureRuntime, wantsRuntime } from "./sections.mjs";
import { comparison, report, throughputTable } from "./tables.mjs";

const options = readOptions();
const commands = wantedRuntimes();
const tell = (line) => console.error(line);

const started = stolen();
const java = options.named ? undefined : await prepareJava(tell);
const runtime = options.named || !wantsRuntime(options) ? undefined : await startRuntime(tell);
if (!canPin) tell("left out, on one core: there is no taskset");
const all = [];
for (const [number, command] of commands.entries()) {
  const mixOfRuntime = number === 0 && options.only === "";
  all.push(await measureRuntime(command, { ...options, mixOfRuntime }, { java, runtime, tell }));
}
await runtime?.stop();

const text = `${options.named ? comparison(all, options.systems) : report(all)}\n\n${conditions()}`;
console.log(text);
if (options.write) write();
process.exit(0);

/** Where and how it was measured. */
function conditions() {
  const now = stolen();
  const share = now === undefined
    ? ""
    : `, ${((now.steal - started.steal) / (now.all - started.all) * 100).toFixed(1)} % stolen`;
  const [{ model }] = cpus();
  return `${options.rounds} rounds of slices of ${options.slice} ms on ${cpus().length} cores of ${model}, ${process.platform} ${release()}; ` +
    `load average at the end ${loadavg()[0].toFixed(1)}${share}.`;
}

/** Ticks of the processors, and those that went to other machines on the same host. */
function stolen() {
  try {
    const ticks = readFileSync("/proc/stat", "utf8").split("\n")[0].trim().split(/\s+/).slice(1, 9).map(
      Number,
    );
    return { all: ticks.reduce((sum, tick) => sum + tick), steal: ticks[7] };
  } catch {
    return undefined;
  }
}

/** Into the documentation, where its marks are. */
function write() {
  const root = new URL("../../", import.meta.url);
  const files = { "docs/performance.md": { figures: text }, "README.md": { speed: throughputTable(all) } };
  for (const [file, contents] of Object.entries(files)) {
    replaceBetween(new URL(file, root), contents);
    spawnSync(`${bin}deno`, ["fmt", fileURLToPath(new URL(file, root))], { stdio: "inherit" });
  }
}
