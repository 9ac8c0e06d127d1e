// A thousand idle sessions on the runtime of EventMesh.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { startRuntime } from "../others.mjs";
import { idleSessions } from "./parts.mjs";

const run = promisify(execFile);
const name = "EventMesh runtime 1.12.0";

/** What they take of it. The text that it is left out, and why, where it cannot be measured. */
export async function eventMeshIdle(command) {
  let why;
  const runtime = await startRuntime((line) => why = line);
  if (runtime === undefined) return why;
  try {
    await jcmd(runtime.pid, "GC.heap_info");
  } catch (error) {
    await runtime.stop();
    return `left out, ${name}: cannot look into its memory: ${error.message.split("\n")[0]}`;
  }
  return {
    name,
    ...await idleSessions(command, runtime.address, {
      held: () => held(runtime.pid),
      // It has no count of its own to ask for: the clients are there when they are, and gone soon after they are.
      reaches: () => new Promise((resolve) => setTimeout(resolve, 2_000)),
      stop: () => runtime.stop(),
    }),
  };
}

/** Bytes: objects after a collection, and pages that nobody shares. */
async function held(pid) {
  for (let round = 0; round < 2; round++) await jcmd(pid, "GC.run");
  let heap = 0;
  for (const [, kibibytes] of (await jcmd(pid, "GC.heap_info")).matchAll(/total \d+K, used (\d+)K/g)) {
    heap += Number(kibibytes) * 1_024;
  }
  const [, dirty] = /^Private_Dirty:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  return { heap, system: Number(dirty) * 1_024 };
}

async function jcmd(pid, ...words) {
  return (await run("jcmd", [String(pid), ...words])).stdout;
}
