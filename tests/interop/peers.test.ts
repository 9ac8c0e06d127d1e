import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundle, runtimeArgs } from "../support/child.ts";
import { startChild } from "../support/running_child.ts";
import { until } from "../support/until.ts";
import { cached, cacheFolder } from "./peers/cache.ts";
import { type PeerPlan, startPeer } from "./peers/mod.ts";
import { absentPeers, peer } from "./peers/needs.ts";
import { freePorts } from "./peers/ports.ts";
import { runTool } from "./peers/tools.ts";

describe("a peer", () => {
  it("is ready when it says so, and is gone with its folder when it is stopped", async () => {
    const peer = await startPeer(shell("echo starting; echo ready; exec sleep 1000"));
    expect(isAlive(peer.process.pid)).toBe(true);
    expect(existsSync(peer.folder)).toBe(true);
    await peer.stop();
    expect(isAlive(peer.process.pid)).toBe(false);
    expect(existsSync(peer.folder)).toBe(false);
    await peer.stop();
  });

  it("takes what it has started with it", async () => {
    const peer = await startPeer(shell("sleep 1000 & echo child $!; wait"));
    const [, child] = await peer.process.says(/child (\d+)/);
    await peer.stop();
    await until(() => !isAlive(Number(child)));
  });

  it("tells what it has said when it ends before it is ready", async () => {
    const started = startPeer(shell("echo one; echo two >&2; exit 3", /never/));
    await expect(started).rejects.toThrow(/a shell has ended without saying \/never\/[^]*one[^]*two/);
  });

  it("gets other ports when one of its own is taken meanwhile", async () => {
    const seen: number[] = [];
    const peer = await startPeer({
      ...shell(""),
      ports: 1,
      command: ([port]) => {
        seen.push(port!);
        const script = seen.length === 1
          ? "echo Address already in use; exit 1"
          : "echo ready; exec sleep 1000";
        return { command: "sh", args: ["-c", script] };
      },
    });
    expect(seen).toHaveLength(2);
    expect(peer.ports).toEqual([seen[1]]);
    await peer.stop();
  });

  it("lives again with the same folder and the same ports", async () => {
    const peer = await startPeer({ ...shell("echo life >>lives; echo ready; exec sleep 1000"), ports: 2 });
    const { pid } = peer.process;
    expect(await peer.kill("SIGTERM")).toEqual({ code: null, signal: "SIGTERM" });
    await peer.restart();
    expect(peer.process.pid).not.toBe(pid);
    await peer.restart();
    expect(await readFile(join(peer.folder, "lives"), "utf8")).toBe("life\nlife\nlife\n");
    await peer.stop();
  });

  it("is silent while it is frozen, and goes on after", async () => {
    const peer = await startPeer({
      ...shell("echo ready; while read line; do echo got $line; done"),
      input: true,
    });
    peer.process.type("one\n");
    await peer.process.says(/got one/);
    await peer.freeze();
    peer.process.type("two\n");
    peer.thaw();
    await peer.process.says(/got two/);
    await peer.stop();
  });
});

describe("a process that is killed", () => {
  const folders: string[] = [];
  let program: string;
  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), "gracewire-program-"));
    folders.push(folder);
    program = join(folder, "program.mjs");
    const modules = fileURLToPath(new URL("./peers/peer.ts", import.meta.url));
    await writeFile(
      program,
      await bundle(`
        import { startPeer } from ${JSON.stringify(modules)};
        const shell = (input) => startPeer({
          name: "a shell", ready: /child/, input,
          command: () => ({ command: "sh", args: ["-c", "sleep 1000 & echo child $!; wait"] }),
        });
        for (const peer of [await shell(false), await shell(true)]) {
          console.log("peer " + peer.process.pid + " " + /\\d+/.exec(peer.process.stdout)[0] + " " + peer.folder);
          if (process.argv.includes("frozen")) await peer.freeze();
        }
        console.log("running");
        setInterval(() => {}, 1_000);
      `),
    );
  });
  afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

  it.each(["running", "frozen"])("leaves no peer behind that is %s", async (how) => {
    const child = startChild(process.execPath, [...runtimeArgs, program, how]);
    await child.says(/^running$/m);
    const peers = [...child.stdout.matchAll(/^peer (\d+) (\d+) (.+)$/gm)];
    expect(peers).toHaveLength(2);
    for (const [, pid, own] of peers) {
      expect([isAlive(Number(pid)), isAlive(Number(own))]).toEqual([true, true]);
    }
    child.send("SIGKILL");
    await child.ended;
    for (const [, pid, own, folder] of peers) {
      await until(() => !isAlive(Number(pid)) && !isAlive(Number(own)) && !existsSync(folder!));
    }
  });
});

describe("free ports", () => {
  it("are not taken by outgoing connections, nor given twice", async () => {
    const ports = [...await freePorts(5), ...await freePorts(5)];
    const taken = ports.flatMap((port) => [port, port - 1, port - 2]);
    expect(new Set(taken).size).toBe(30);
    for (const port of ports) await expect(dial(port)).rejects.toThrow("ECONNREFUSED");
  });
});

describe("the cache", () => {
  const before = process.env["GRACEWIRE_PEER_CACHE"];
  beforeAll(async () => {
    process.env["GRACEWIRE_PEER_CACHE"] = await mkdtemp(join(tmpdir(), "gracewire-cache-"));
  });
  afterAll(async () => {
    await rm(cacheFolder(), { recursive: true, force: true });
    if (before === undefined) delete process.env["GRACEWIRE_PEER_CACHE"];
    else process.env["GRACEWIRE_PEER_CACHE"] = before;
  });

  it("is filled once, also when several do it at once, and not by one that fails", async () => {
    let filled = 0;
    const fill = async (folder: string): Promise<void> => {
      await writeFile(join(folder, "jar"), "");
      if (filled++ === 0) throw new Error("No network");
    };
    await expect(cached("jars", "key", fill)).rejects.toThrow("No network");
    const [one, two] = await Promise.all([cached("jars", "key", fill), cached("jars", "key", fill)]);
    expect(two).toBe(one);
    expect(await cached("jars", "key", fill)).toBe(one);
    expect(filled).toBe(3);
    expect(await readdir(cacheFolder())).toHaveLength(1);
    expect(await cached("jars", "other key", fill)).not.toBe(one);
  });
});

describe("a suite that needs peers", () => {
  const there = peer("a peer", () => Promise.resolve("here it is"));
  const missing = peer("another peer", () => Promise.reject(new Error("there is no such thing on the PATH")));

  it("runs when all of them are there", async () => {
    expect(await absentPeers("a suite", [there], "all")).toBeUndefined();
  });

  it("says by name what it leaves out without one, and fails where all are required", async () => {
    const absence = {
      title: "a suite: left out without another peer",
      reasons: "another peer is missing: there is no such thing on the PATH",
    };
    expect(await absentPeers("a suite", [there, missing], undefined)).toEqual({ ...absence, fails: false });
    expect(await absentPeers("a suite", [there, missing], "all")).toEqual({ ...absence, fails: true });
  });
});

describe("a tool", () => {
  it("is missing when it is not on the PATH", async () => {
    await expect(runTool("no-such-tool", [])).rejects.toThrow("there is no no-such-tool on the PATH");
  });

  it("rejects with all it has said when it fails", async () => {
    await expect(runTool("sh", ["-c", "echo Sorry; exit 4"])).rejects.toThrow(
      /sh failed: exit code 4[^]*Sorry/,
    );
  });
});

function shell(script: string, ready: RegExp = /ready|child/): PeerPlan {
  return { name: "a shell", command: () => ({ command: "sh", args: ["-c", script] }), ready };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function dial(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", (error) => reject(error));
  });
}
