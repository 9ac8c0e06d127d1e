import { lstat, unlink } from "node:fs/promises";
import { Socket } from "node:net";
import type { Registry } from "./registry.ts";

/**
 * Removes the socket file that a dead process left behind, and says whether the path is worth another try. A file is
 * dead when nobody accepts there; anything that is not a socket is left alone, although a connect to it fails alike.
 */
export async function removeDeadSocket(path: string, registry: Registry): Promise<boolean> {
  const before = await socketFile(path);
  if (before === undefined) return false;
  const answer = await probe(path, registry);
  if (answer === "ENOENT") return true;
  if (answer !== "ECONNREFUSED") return false;
  // Another process may have come to the same conclusion and listens there by now.
  if (await socketFile(path) === before) await unlink(path).catch(() => {});
  return true;
}

/** Tells one socket file from the next at the same path; undefined when there is none, or something else. */
async function socketFile(path: string): Promise<string | undefined> {
  try {
    const found = await lstat(path);
    return found.isSocket() ? `${found.dev}:${found.ino}:${found.ctimeMs}` : undefined;
  } catch {
    return undefined;
  }
}

/** The code of the error that a connect gives; undefined when somebody accepts. A unix socket answers at once. */
function probe(path: string, registry: Registry): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code: string | undefined;
    const socket = new Socket();
    registry.systemSocket(socket);
    socket.on("error", (error: NodeJS.ErrnoException) => {
      code = error.code ?? "unknown";
      socket.destroy();
    });
    socket.once("connect", () => socket.destroy());
    socket.once("close", () => resolve(code));
    socket.connect({ path });
  });
}
