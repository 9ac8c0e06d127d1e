// Which core a process runs on, where `taskset` exists. Round trips between two cores measure how long a core takes to
// wake up, more than anything else.
import { spawnSync } from "node:child_process";
import process from "node:process";

const said = spawnSync("taskset", ["-cp", String(process.pid)], { encoding: "utf8" }).stdout ?? "";
const [, everywhere] = /list: (.*)$/m.exec(said) ?? [];

export const canPin = everywhere !== undefined;

/** Keeps processes, with all of their threads, on one core while `work` goes on: the last of those there are. */
export async function onOneCore(pids, work) {
  if (!canPin) return await work();
  put(pids, /\d+$/.exec(everywhere)[0]);
  try {
    return await work();
  } finally {
    put(pids, everywhere);
  }
}

function put(pids, cores) {
  for (const pid of pids) spawnSync("taskset", ["-acp", cores, String(pid)]);
}
