import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import process from "node:process";

/** The folder for what is fetched or compiled once and used by every run after. */
export function cacheFolder(): string {
  const { GRACEWIRE_PEER_CACHE: own, XDG_CACHE_HOME: shared } = process.env;
  return own || join(shared || join(homedir(), ".cache"), "gracewire-peers");
}

/**
 * A folder of the cache. If it is not there yet, `fill` fills a temporary one, which gets its name in one step: several
 * processes may do that at once, and one that is killed on the way leaves nothing that counts.
 *
 * @param name What is in it, for people.
 * @param key All that it depends on.
 */
export async function cached(
  name: string,
  key: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 12);
  const cache = cacheFolder();
  const folder = join(cache, `${name}-${hash}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  await removeStale(cache);
  const temporary = join(cache, `${prefix}${randomUUID()}`);
  await mkdir(temporary);
  try {
    await fill(temporary);
    // Fails when another process was faster: then its folder is as good.
    await rename(temporary, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

const prefix = "unfinished-";

/** Removes what killed processes have left. */
async function removeStale(cache: string): Promise<void> {
  const anHourAgo = Date.now() - 3_600_000;
  for (const name of await readdir(cache)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(cache, name);
    const seen = await stat(path).catch(() => undefined);
    if (seen !== undefined && seen.mtimeMs < anHourAgo) await rm(path, { recursive: true, force: true });
  }
}
