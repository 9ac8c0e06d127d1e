import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { differs } from "./env.ts";

/**
 * How many socket descriptors this process holds; undefined where the system does not tell. It counts all of the process,
 * so compare it with a count from before, and only while no other test runs in the same process. On Deno the clients of
 * unix sockets are left out: they look like those of the runtime itself.
 */
export function openSockets(): number | undefined {
  if (differs.hidesDescriptors) return undefined;
  const foreign = differs.opensUnixSockets ? namelessUnixSockets() : new Set<string>();
  let count = 0;
  for (const name of readdirSync("/proc/self/fd")) {
    const target = readLink(`/proc/self/fd/${name}`);
    if (target.startsWith("socket:") && !foreign.has(target)) count++;
  }
  return count;
}

/** The descriptor of the listed folder itself is gone by the time it is asked for. */
function readLink(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

/** Lines are `address count protocol flags type state inode path`; a nameless socket has no path. */
function namelessUnixSockets(): Set<string> {
  const lines = readFileSync("/proc/net/unix", "utf8").trim().split("\n").slice(1);
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return new Set(fields.filter((line) => line.length < 8).map((line) => `socket:[${line[6]}]`));
}
