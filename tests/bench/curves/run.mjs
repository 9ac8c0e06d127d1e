// npm run bench:curves [-- RUNTIME ...]: costs that must not grow, with the number of operations in flight, of topics, of
// clients. `--part=topics` leaves the other parts out (wiring, heap, topics, sessions, idle, eventmesh); `--write` puts
// tables and pictures into docs/. How to read them: docs/performance.md.
import { writeFileSync } from "node:fs";
import process from "node:process";
import { wantedRuntimes } from "../actors.mjs";
import { eventMeshIdle } from "./eventmesh.mjs";
import { parts } from "./parts.mjs";
import { bundlePrograms, startProgram } from "./programs.mjs";
import { pictures, tables } from "./report.mjs";
import { replaceBetween } from "./document.mjs";

const docs = new URL("../../../docs/", import.meta.url);
const chosen = process.argv.filter((word) => word.startsWith("--part=")).map((word) => word.slice(7));
const wants = (part) => chosen.length === 0 || chosen.includes(part);
const write = process.argv.includes("--write");

const commands = wantedRuntimes();
await bundlePrograms("broker", "clients", "wiring");
const results = [];
for (const command of commands) {
  const start = performance.now();
  const { runtime, stop } = await startProgram(command, "broker");
  stop();
  const result = { runtime };
  for (const [name, measure] of Object.entries(parts)) if (wants(name)) result[name] = await measure(command);
  results.push(result);
  console.error(`${runtime}: ${((performance.now() - start) / 1_000).toFixed(0)} s`);
}
const eventMesh = wants("eventmesh") ? await eventMeshIdle(commands[0]) : undefined;
if (typeof eventMesh === "string") console.error(eventMesh);

const contents = tables(results, eventMesh);
for (const [name, content] of Object.entries(contents)) console.log(`\n${name}\n\n${content}`);
if (write) {
  replaceBetween(new URL("performance.md", docs), contents);
  for (const [name, picture] of Object.entries(pictures(results))) {
    writeFileSync(new URL(`${name}.svg`, docs), picture);
  }
}
process.exit(0);
