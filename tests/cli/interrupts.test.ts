import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { startFakeServer } from "../support/fake_server.ts";
import { until } from "../support/until.ts";
import { hasTerminals, startBadServer, useCommandLine } from "./kit.ts";

const gracewire = useCommandLine();
let broker: Broker;
let here: readonly string[];

beforeAll(async () => {
  broker = await startBroker({ port: 0 });
  here = ["--url", broker.url];
});
afterAll(async () => {
  await broker.goodbye();
});

describe("an interrupt", () => {
  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "by %s ends sub in good order, quietly, with exit code %i",
    async (signal, code) => {
      const sub = gracewire.start(["sub", "t", ...here]);
      await sub.says(/subscribed/);
      sub.send(signal);
      expect(await sub.ended).toEqual({ code, signal: null, stdout: "", stderr: "subscribed to t\n" });
      expect(broker.inspect().sessions).toEqual([]);
    },
  );

  it("ends pub while it waits for input: what was read is confirmed", async () => {
    const connection = await connect(broker.url, { group: "readers" });
    const lines = (await connection.subscribe("typed"))[Symbol.asyncIterator]();
    const pub = gracewire.start(["pub", "typed", ...here]);
    pub.type("one\ntwo\nunfinished");
    expect([(await lines.next()).value?.text(), (await lines.next()).value?.text()]).toEqual(["one", "two"]);
    pub.send("SIGINT");
    expect(await pub.ended).toEqual({
      code: 130,
      signal: null,
      stdout: "",
      stderr: "2 published to typed\n",
    });
    await connection.goodbye({ grace: 0 });
  });

  it("ends pub when all that was sent is confirmed, however much input there still is", async () => {
    const server = await startFakeServer({ network: systemNetwork() });
    try {
      server.hold("ASYNC_MESSAGE_TO_SERVER");
      const pub = gracewire.start(["pub", "held", "--url", server.url]);
      pub.type("message\n");
      await server.saw("ASYNC_MESSAGE_TO_SERVER");
      pub.send("SIGINT");
      pub.type("message\n");
      server.release("ASYNC_MESSAGE_TO_SERVER");
      const { code, stderr } = await pub.ended;
      const sent = server.of("ASYNC_MESSAGE_TO_SERVER").length;
      expect({ code, stderr }).toEqual({ code: 130, stderr: `${sent} published to held\n` });
      expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    } finally {
      await server.close();
    }
  });

  it("ends a request that waits for its reply", async () => {
    const { published } = broker.inspect().counters;
    const request = gracewire.start(["request", "nobody", "hello", "--timeout", "60000", ...here]);
    await until(() => broker.inspect().counters.published > published);
    request.send("SIGINT");
    expect(await request.ended).toEqual({ code: 130, signal: null, stdout: "", stderr: "" });
  });

  it("ends sub while its server is gone, and says in one line that this was no goodbye", async () => {
    const server = await startFakeServer({ network: systemNetwork() });
    const sub = gracewire.start(["sub", "t", "--url", server.url]);
    await sub.says(/subscribed/);
    await server.close();
    await sub.says(/trying again/);
    sub.send("SIGINT");
    const { code, stderr } = await sub.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(
      /^subscribed to t\n[^\n]* was lost: [^\n]*; trying again\nsub: failed in [^\n]*SIGINT\)\n$/,
    );
  });

  it("ends a connect that nobody answers", async () => {
    let connected = false;
    const silent = await startBadServer(() => connected = true);
    try {
      const pub = gracewire.start(["pub", "t", "m", "--url", silent.url]);
      await until(() => connected);
      pub.send("SIGTERM");
      expect(await pub.ended).toEqual({ code: 143, signal: null, stdout: "", stderr: "" });
    } finally {
      await silent.close();
    }
  });

  const needs = hasTerminals ? "" : " (not run: it needs the command script of util-linux)";

  it.skipIf(!hasTerminals)(`by Ctrl-C shows the phases of the goodbye on a terminal${needs}`, async () => {
    const terminal = gracewire.terminal(["broker", "--port", "0"]);
    await terminal.says(/listening on/);
    terminal.type("\u0003");
    const { code, stdout } = await terminal.ended;
    expect(code).toBe(130);
    expect(stdout).toContain("SIGINT: saying goodbye; once more to force it, a third time to kill");
    const phases = [...stdout.matchAll(/^ {2}\+\d+ ms +broker +(\S.*?)\r?$/gm)].map(([, phase]) => phase);
    expect(phases).toEqual(["draining", "closing", "releasing", "closed, clean"]);
  });

  it.skipIf(!hasTerminals)(`by Ctrl-C lets pub wait for what is not confirmed yet${needs}`, async () => {
    const server = await startFakeServer({ network: systemNetwork() });
    try {
      server.hold("ASYNC_MESSAGE_TO_SERVER");
      const terminal = gracewire.terminal(["pub", "held", "message", "--url", server.url]);
      await server.saw("ASYNC_MESSAGE_TO_SERVER");
      terminal.type("\u0003");
      await terminal.says(/connection +draining/);
      server.release("ASYNC_MESSAGE_TO_SERVER");
      const { code, stdout } = await terminal.ended;
      expect(code).toBe(130);
      expect(stdout).toMatch(/^1 published to held\r?$/m);
      expect(stdout).toMatch(/connection +closed, clean/);
    } finally {
      await server.close();
    }
  });

  it.skipIf(!hasTerminals)(`by a second Ctrl-C forces it, and says so${needs}`, async () => {
    // A consumer that acknowledges nothing: the goodbye of the broker waits for it.
    const child = gracewire.terminal(["broker", "--port", "0"]);
    const [, url] = await child.says(/listening on (\S+)/);
    const connection = await connect(url!, { reconnect: false });
    const subscription = await connection.subscribe("t", { type: "sync" });
    const handled = subscription.consume(({ topic }, { signal }) => {
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve(topic)));
    });
    const reply = connection.request("t", "hello", { timeout: 60_000 }).catch(() => {});
    await until(() => subscription.state === "open");
    child.type("\u0003");
    await child.says(/broker +draining/);
    child.type("\u0003");
    const { code, stdout } = await child.ended;
    expect(code).toBe(130);
    expect(stdout).toContain("SIGINT: forced");
    expect(stdout).toMatch(/^broker: forced in /m);
    await connection.goodbye({ grace: 0 });
    await Promise.all([handled, reply]);
  });
});

describe("a pipe that closes early", () => {
  it("ends sub with exit code 0 and no noise", async () => {
    const sub = gracewire.shell(
      `{ gracewire sub piped --url ${broker.url}; echo "code $?" >&2; } | head -n 1`,
    );
    await sub.says(/subscribed/);
    const connection = await connect(broker.url);
    // It learns that nobody reads any more from what it writes next.
    let published = 0;
    await until(async () => {
      if (sub.running) await connection.publish("piped", `message ${++published}`);
      return !sub.running;
    }, { timeout: 10_000, what: "sub to learn of it" });
    await connection.goodbye();
    expect(await sub.ended).toMatchObject({
      code: 0,
      stdout: "message 1\n",
      stderr: "subscribed to piped\ncode 0\n",
    });
  });

  it("leaves the message that nobody has read to another member of the group", async () => {
    const connection = await connect(broker.url);
    const other = await connection.subscribe("unread");
    const seen: string[] = [];
    const consumed = other.consume((message) => void seen.push(message.text()));
    const sub = gracewire.shell(`gracewire sub unread --url ${broker.url} | true`);
    await sub.says(/subscribed/);
    for (const text of ["one", "two"]) await connection.publish("unread", text);
    await until(() => seen.length === 2, { what: "both messages" });
    expect([...seen].sort()).toEqual(["one", "two"]);
    expect((await sub.ended).code).toBe(0);
    await connection.goodbye();
    await consumed;
  });

  it("ends every command with exit code 0, with or without something to say", async () => {
    const many = "seq 5000";
    const { stderr } = await gracewire.shell(`
      { ${many} | gracewire pub t --url ${broker.url}; echo "code $?" >&2; } | true
      { ${many} | gracewire pub t --url ${broker.url} --json; echo "code $?" >&2; } | true
      { gracewire --help; echo "code $?" >&2; } | true
      { gracewire demo; echo "code $?" >&2; } | head -n 1 >/dev/null
      { gracewire broker --port 0; echo "code $?" >&2; } | true
    `).ended;
    expect(stderr).toBe("5000 published to t\ncode 0\ncode 0\ncode 0\ncode 0\ncode 0\n");
  });

  const full = existsSync("/dev/full");

  it.skipIf(!full)(
    `is no full disk: that is one line and exit code 1${full ? "" : " (not run: there is no /dev/full)"}`,
    async () => {
      const { code, stderr } = await gracewire.shell("gracewire demo >/dev/full").ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/^gracewire: Cannot write to standard output: [^\n]*no space left[^\n]*\n$/i);
    },
  );
});
