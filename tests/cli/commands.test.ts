import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { VERSION } from "../../lib/version.ts";
import { startBadServer, useCommandLine } from "./kit.ts";

const gracewire = useCommandLine();
let broker: Broker;
/** Options that lead to the broker of the test. */
let here: readonly string[];

beforeEach(async () => {
  broker = await startBroker({ port: 0 });
  here = ["--url", broker.url];
});
afterEach(async () => {
  const { outcome, residue } = await broker.goodbye();
  // Every command has said goodbye: nothing of it was left to be cut.
  expect({ outcome, residue }).toEqual({
    outcome: "clean",
    residue: { sockets: 0, timers: 0, listeners: 0 },
  });
});

describe("gracewire", () => {
  it("prints help and version", async () => {
    const [help, version] = await Promise.all([gracewire.run(["--help"]), gracewire.run(["--version"])]);
    expect(help).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringContaining("usage: gracewire COMMAND"),
    });
    expect(version).toMatchObject({ code: 0, stderr: "", stdout: `${VERSION}\n` });
  });

  it("says in one line what is wrong with its arguments, with exit code 2", async () => {
    expect(await gracewire.run(["pub", "t", "--count", "none"])).toMatchObject({
      code: 2,
      stdout: "",
      stderr:
        'gracewire pub: --count: expected a whole number from 1, got "none" (gracewire pub --help tells more)\n',
    });
  });

  it("says so of a URL too, and shows no credentials", async () => {
    const { code, stderr, stdout } = await gracewire.run([
      "pub",
      "t",
      "m",
      "--url",
      "http://me:secret@127.0.0.1",
    ]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(
      /^gracewire pub: --url: Cannot use URL "http:[^\n]*expected scheme eventmesh:[^\n]*got http:[^\n]*\n$/,
    );
    expect(stderr).not.toContain("secret");
  });

  it.each(
    [
      ["refuses connections", undefined, /ECONNREFUSED/],
      ["never answers", () => {}, /400 ms have passed/],
      [
        "speaks something else",
        (socket) => void socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"),
        /byte 0 is 0x48/,
      ],
      ["hangs up", (socket) => void socket.end(), /the server ended it/],
    ] satisfies [string, Parameters<typeof startBadServer>[0] | undefined, RegExp][],
  )("ends with one line and exit code 1 at a server that %s", async (_, treat, why) => {
    const server = await startBadServer(treat ?? (() => {}));
    try {
      if (treat === undefined) await server.close();
      const { code, stderr, stdout } = await gracewire.run([
        "sub",
        "t",
        "--timeout",
        "400",
        "--url",
        server.url,
      ]);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(/^gracewire: Cannot connect to 127\.0\.0\.1:\d+: [^\n]+\n$/);
      expect(stderr).toMatch(why);
    } finally {
      if (treat !== undefined) await server.close();
    }
  });
});

describe("gracewire demo", () => {
  it("shows everything from start to goodbye", async () => {
    const { code, stderr, stdout } = await gracewire.run(["demo"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain('clock answers "tick, and tock"');
    expect(stdout).toContain("it rejects with the reason itself: true");
    expect(stdout).toMatch(/^eventmesh connection: clean in/m);
    expect(stdout).toMatch(/^broker: clean in/m);
  });
});

describe("gracewire broker", () => {
  it("says where it listens, and serves until it is interrupted", async () => {
    const child = gracewire.start(["broker", "--port", "0", "--retain", "5"]);
    const [, url] = await child.says(/^listening on (eventmesh:\S+)\n/);
    const pub = await gracewire.run(["pub", "greetings", "hello", "--url", url!]);
    expect(pub).toMatchObject({ code: 0, stdout: "", stderr: "1 published to greetings\n" });
    const sub = await gracewire.run(["sub", "greetings", "--count", "1", "--url", url!]);
    expect(sub).toMatchObject({ code: 0, stdout: "hello\n", stderr: "subscribed to greetings\n" });
    child.send("SIGTERM");
    expect(await child.ended).toMatchObject({ code: 143, stderr: "" });
  });

  it("prints its URL as JSON, and says in one line that a port is taken", async () => {
    const child = gracewire.start(["broker", "--port", "0", "--json"]);
    const [line] = await child.says(/^.*\n/);
    const { port } = new URL((JSON.parse(line) as { url: string }).url);
    const other = await gracewire.run(["broker", "--port", port]);
    expect(other).toMatchObject({ code: 1, stdout: "" });
    expect(other.stderr).toMatch(/^gracewire: Cannot listen on 127\.0\.0\.1:\d+: [^\n]*EADDRINUSE[^\n]*\n$/);
    child.send("SIGINT");
    expect(await child.ended).toMatchObject({ code: 130, stderr: "" });
  });
});

describe("gracewire pub and sub", () => {
  it("carry messages given as words and as lines, in order", async () => {
    const sub = gracewire.start(["sub", "one", "two", "--count", "5", ...here]);
    await sub.says(/subscribed to one, two\n/);
    const words = await gracewire.run(["pub", "one", "a b", "-", "--count", "2", ...here]);
    expect(words).toMatchObject({ code: 0, stdout: "", stderr: "4 published to one\n" });
    const lines = await gracewire.run(["pub", "two", "--json", ...here], { input: "ä €\n" });
    expect(lines).toMatchObject({ code: 0, stdout: '{"topic":"two","published":1}\n', stderr: "" });
    expect(await sub.ended).toMatchObject({ code: 0, stdout: "a b\na b\n-\n-\nä €\n" });
  });

  it("carry input of any length, and nothing of it is lost", async () => {
    const count = 10_000;
    const input = Array.from({ length: count }, (_, i) => `line ${i}\n`).join("");
    const sub = gracewire.start(["sub", "numbers", "--count", String(count), ...here]);
    await sub.says(/subscribed/);
    const pub = await gracewire.shell(`gracewire pub numbers --url ${broker.url}`, { input }).ended;
    expect(pub).toMatchObject({ code: 0, stderr: `${count} published to numbers\n` });
    const { code, stdout } = await sub.ended;
    expect([code, stdout === input]).toEqual([0, true]);
  });

  it("print and read JSON", async () => {
    const sub = gracewire.start(["sub", "orders", "--json", "--count", "1", "--broadcasting", ...here]);
    await sub.says(/subscribed/);
    await gracewire.run(["pub", "orders", "--broadcast", ...here, "--", "--7"]);
    const { stdout } = await sub.ended;
    expect(JSON.parse(stdout)).toMatchObject({
      topic: "orders",
      data: "--7",
      wantsReply: false,
      redelivered: false,
    });
  });

  it("sub ends after its timeout; with fewer messages than it was to wait for, that is a failure", async () => {
    const [some, all] = await Promise.all([
      gracewire.run(["sub", "t", "--timeout", "300", ...here]),
      gracewire.run(["sub", "t", "--timeout", "300", "--count", "2", ...here]),
    ]);
    expect(some).toMatchObject({ code: 0, stdout: "", stderr: "subscribed to t\n" });
    expect(all).toMatchObject({
      code: 1,
      stderr: "subscribed to t\ngracewire: Expected 2 messages within 300 ms, got 0\n",
    });
  });

  it("sub tells of a lost server, waits for it, and goes on", async () => {
    const sub = gracewire.start(["sub", "t", "--count", "1", ...here]);
    await sub.says(/subscribed/);
    const { port } = new URL(broker.url);
    await broker.goodbye();
    await sub.says(/127\.0\.0\.1:\d+ [^\n]*; trying again\n/);
    broker = await startBroker({ port: Number(port) });
    await sub.says(/connected again, to 127\.0\.0\.1:\d+\n/);
    await gracewire.run(["pub", "t", "after all", ...here]);
    expect(await sub.ended).toMatchObject({ code: 0, stdout: "after all\n" });
  });

  it("pub says in one line what the server refuses", async () => {
    const refusing = await startBroker({ port: 0, authenticate: () => "not\nyou\u001b[2J" });
    try {
      const { code, stderr } = await gracewire.run(["pub", "t", "m", "--url", refusing.url]);
      expect(code).toBe(1);
      // Words of a server cannot move the cursor.
      expect(stderr).toMatch(/^gracewire: Cannot connect [^\p{Cc}]*not you[^\p{Cc}]*\n$/u);
    } finally {
      await refusing.goodbye();
    }
  });
});

describe("gracewire request", () => {
  it("prints the replies of sub --reply", async () => {
    const sub = gracewire.start(["sub", "clock", "--reply", "you said: {}, {}", "--count", "3", ...here]);
    await sub.says(/subscribed/);
    const words = await gracewire.run(["request", "clock", "$&", ...here]);
    expect(words).toMatchObject({ code: 0, stdout: "you said: $&, $&\n", stderr: "" });
    const { code, stdout } = await gracewire.run(["request", "clock", "--json", ...here], {
      input: "x\ny\n",
    });
    const replies = stdout.trim().split("\n").map((line) => JSON.parse(line) as { data: string; ms: number });
    expect([code, replies.map(({ data }) => data)]).toEqual([0, ["you said: x, x", "you said: y, y"]]);
    expect(await sub.ended).toMatchObject({ code: 0, stdout: "$&\nx\ny\n" });
  });

  it("ends with one line and exit code 1 when nobody answers in time", async () => {
    expect(await gracewire.run(["request", "nobody", "hello", "--timeout", "300", ...here])).toMatchObject({
      code: 1,
      stdout: "",
      stderr: 'gracewire: Cannot request an answer of "nobody": no reply within 300 ms\n',
    });
  });
});
