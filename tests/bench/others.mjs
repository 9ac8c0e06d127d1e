// What is not of JavaScript: the client of the EventMesh Java SDK, and the EventMesh runtime.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { bin, startSpeaker } from "./actors.mjs";

const launcher = fileURLToPath(new URL("peer.ts", import.meta.url));

/** Starts the runtime. Undefined when there is none here; why not is told. */
export async function startRuntime(tell) {
  const { child, next } = startSpeaker(`${bin}bun`, [launcher, "eventmesh"], "the EventMesh runtime");
  const { address, port, pid, missing } = await next();
  if (missing !== undefined) return void tell(`left out, the EventMesh runtime 1.12.0: ${missing}`);
  return {
    address,
    ready: address,
    port,
    pid,
    ask: () => Promise.resolve({ cpu: cpuOf(pid) }),
    stop: () => child.stdin.end(),
  };
}

/** Makes the client ready to be started. Undefined when it cannot be. */
export async function prepareJava(tell) {
  const { next } = startSpeaker(`${bin}bun`, [launcher, "java"], "the Java compiler");
  const { command, args, missing } = await next();
  if (missing !== undefined) return void tell(`left out, the Java SDK 1.12.0: ${missing}`);
  return async (address, topic) => {
    const { port } = new URL(address.replace(/^eventmesh/, "http"));
    const speaker = startSpeaker(command, [...args, port, topic], "the Java client");
    return { ...speaker, ...await speaker.next() };
  };
}

/** Milliseconds of processor time of another process, where the system tells. */
function cpuOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return NaN;
  }
}
