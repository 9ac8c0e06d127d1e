// A NATS server with streams: GRACEWIRE_NATS_SERVER, or the one on the PATH or in /usr/sbin, or the one that the tests
// have built.
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";
import { fail, spawnChild } from "./actors.mjs";

export async function startNats() {
  const binary = findServer();
  const folder = mkdtempSync(join(tmpdir(), "gracewire-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const config = join(folder, "nats.conf");
  writeFileSync(config, `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}/streams" }\n`);
  let child;
  return {
    version: execFileSync(binary, ["-v"], { encoding: "utf8" }).replace(/^.*v/, "").trim(),
    url: `nats://127.0.0.1:${port}`,
    /** Resolves with the time at which it took clients. */
    async start() {
      child = spawnChild(binary, ["-c", config], ["ignore", "ignore", "pipe"]);
      return await new Promise((resolve) => {
        let said = "";
        // Read to its end: a server that cannot write dies of it.
        child.stderr.on("data", (chunk) => {
          said = (said + chunk).slice(-10_000);
          if (said.includes("Server is ready")) resolve(Date.now());
        });
        child.stderr.on("end", () => {
          if (!said.includes("Server is ready")) fail(`expected a NATS server, but ${binary} said: ${said}`);
        });
      });
    },
    async kill() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function findServer() {
  const { GRACEWIRE_NATS_SERVER: own, GRACEWIRE_PEER_CACHE: cache, PATH = "", XDG_CACHE_HOME: shared } =
    process.env;
  if (own) return own;
  const folders = [...PATH.split(delimiter).filter((folder) => folder !== ""), "/usr/sbin"];
  const built = cache || join(shared || join(homedir(), ".cache"), "gracewire-peers");
  const versions = entries(built).filter((name) => name.startsWith("nats-server-"));
  const candidates = [...folders, ...versions.map((name) => join(built, name))]
    .map((folder) => join(folder, "nats-server"));
  return candidates.find(isExecutable) ?? fail("expected a nats-server: GRACEWIRE_NATS_SERVER=path");
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function entries(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
