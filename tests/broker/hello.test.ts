import { describe, expect, it } from "vitest";
import type { ReceivedUserAgent } from "../../lib/eventmesh/wire/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { agent } from "../support/wire_client.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();

describe("hello", () => {
  it("is answered with success and the window for publishes", async () => {
    await mesh.start({ window: 77 });
    const answer = await (await mesh.connect()).hello();
    expect(answer).toMatchObject({
      command: "HELLO_RESPONSE",
      ...SUCCESS,
      properties: { publishwindow: "77" },
    });
  });

  it("advertises a window of 1024 by default", async () => {
    await mesh.start();
    expect((await (await mesh.connect()).hello()).properties).toEqual({ publishwindow: "1024" });
  });

  it.each([
    ["no body", undefined, "java.lang.NullPointerException: user agent is missing"],
    ["a body that is null", "null", "java.lang.NullPointerException: user agent is missing"],
    [
      "no version",
      { version: undefined },
      "java.lang.NullPointerException: version of the user agent is missing",
    ],
    ["another purpose", { purpose: "SUB" }, /^java\.lang\.Exception: client purpose config is error/],
    ["no purpose", { purpose: undefined }, /^java\.lang\.Exception: client purpose config is error/],
    ["a blank group", { group: "  " }, "java.lang.Exception: client group is blank"],
    ["no group", { group: undefined }, "java.lang.Exception: client group is blank"],
    [
      "a group without end",
      { group: "g".repeat(2_000) },
      "java.lang.Exception: client group is longer than 1024 characters",
    ],
    ["a body that is not JSON", "{", /^java\.lang\.Exception: Cannot decode the body of HELLO_REQUEST/],
    ["a body that is no user agent", "[]", /^java\.lang\.Exception: Cannot decode the body of HELLO_REQUEST/],
  ])("with %s is refused with a reason, and the connection ended", async (_, change, reason) => {
    await mesh.start();
    const client = await mesh.connect();
    const body = typeof change === "object" ? JSON.stringify({ ...agent, ...change }) : change;
    const answer = await client.request("HELLO_REQUEST", body);
    expect(answer).toMatchObject({ command: "HELLO_RESPONSE", code: 1 });
    if (typeof reason === "string") expect(answer.description).toBe(reason);
    else expect(answer.description).toMatch(reason);
    await client.untilEnded();
    expect(mesh.broker.inspect().sessions).toEqual([]);
  });

  it("said twice is answered with success, and the first one counts", async () => {
    await mesh.start();
    const client = await mesh.open({ group: "first" });
    expect(await client.hello({ group: "second", purpose: "pub" })).toMatchObject(SUCCESS);
    expect(mesh.broker.inspect().sessions).toMatchObject([{ group: "first", purpose: "sub" }]);
  });

  it("that is wrong is refused the second time as well, and ends the session", async () => {
    await mesh.start();
    const client = await mesh.open({ group: "first" });
    const answer = await client.request("HELLO_REQUEST", '{"version":"2.0","purpose":"sub"}');
    expect(answer).toMatchObject({ code: 1, description: "java.lang.Exception: client group is blank" });
    await client.untilEnded();
    await client.end();
    await until(() => mesh.broker.inspect().sessions.length === 0);
  });

  it("is refused when there are too many groups of subscribers", async () => {
    await mesh.start({ limits: { groups: 1 } });
    await mesh.open({ group: "one" });
    await mesh.open({ group: "one" });
    await mesh.open({ group: "two", purpose: "pub" });
    const answer = await (await mesh.connect()).hello({ group: "two" });
    expect(answer).toMatchObject({ code: 1, description: "java.lang.Exception: too many groups" });
  });

  it("is awaited only for so long", async () => {
    await mesh.start({ helloTimeout: 30 });
    const [silent, quick] = [await mesh.connect(), await mesh.open()];
    await silent.untilEnded();
    expect(quick.closed).toBe(false);
    await quick.settled();
    const causes = (await mesh.broker.goodbye()).children.map(({ cause }) => cause);
    expect(causes).toContain("handshake-timeout");
  });

  it("is awaited while the client sends other things", async () => {
    await mesh.start({ helloTimeout: 50 });
    const client = await mesh.connect();
    for (let i = 0; i < 1_000 && !client.closed && !client.ended; i++) {
      await client.request("HEARTBEAT_REQUEST").catch(() => {});
    }
    await client.untilEnded();
  });
});

describe("before hello", () => {
  it.each(
    [
      ["HEARTBEAT_REQUEST", "HEARTBEAT_RESPONSE"],
      ["SUBSCRIBE_REQUEST", "SUBSCRIBE_RESPONSE"],
      ["LISTEN_REQUEST", "LISTEN_RESPONSE"],
      ["UNSUBSCRIBE_REQUEST", "UNSUBSCRIBE_RESPONSE"],
      ["ASYNC_MESSAGE_TO_SERVER", "ASYNC_MESSAGE_TO_SERVER_ACK"],
      ["BROADCAST_MESSAGE_TO_SERVER", "BROADCAST_MESSAGE_TO_SERVER_ACK"],
      ["REQUEST_TO_SERVER", "RESPONSE_TO_CLIENT"],
      ["CLIENT_GOODBYE_REQUEST", "CLIENT_GOODBYE_RESPONSE"],
      ["SYS_LOG_TO_LOGSERVER", "SYS_LOG_TO_LOGSERVER"],
      ["ASYNC_MESSAGE_TO_CLIENT_ACK", "ASYNC_MESSAGE_TO_CLIENT_ACK"],
    ] as const,
  )("%s is refused with %s, and the connection stays", async (command, answer) => {
    await mesh.start();
    const client = await mesh.connect();
    expect(await client.request(command)).toMatchObject({
      command: answer,
      code: 1,
      description: "java.lang.Exception: no session is found",
    });
    expect(await client.hello()).toMatchObject(SUCCESS);
  });
});

describe("authenticate", () => {
  it("gets the user agent with the address of the connection", async () => {
    const seen: ReceivedUserAgent[] = [];
    await mesh.start({ authenticate: (who) => void seen.push(who) });
    await mesh.open({ username: "ann", password: "pass", host: "elsewhere", port: 1 });
    expect(seen).toMatchObject([{ username: "ann", password: "pass", host: "127.0.0.1", group: "group" }]);
    expect(seen[0]!.port).toBeGreaterThan(1);
  });

  it.each([
    ["true", () => true],
    ["nothing", () => {}],
    ["a promise of true", () => Promise.resolve(true)],
  ])("lets a client in with %s", async (_, authenticate) => {
    await mesh.start({ authenticate });
    expect((await (await mesh.open()).settled()).length).toBe(0);
  });

  it.each([
    ["false", () => false, "java.lang.Exception: authentication failed"],
    ["a text", () => "no such user", "java.lang.Exception: no such user"],
    ["a promise of a text", () => Promise.resolve("not now"), "java.lang.Exception: not now"],
    [
      "an error, which is not told",
      () => {
        throw new Error("the password is 1234");
      },
      "java.lang.Exception: authentication failed",
    ],
    ["a rejection", () => Promise.reject(new Error("secret")), "java.lang.Exception: authentication failed"],
  ])("refuses a client with %s", async (_, authenticate, description) => {
    await mesh.start({ authenticate });
    const client = await mesh.connect();
    expect(await client.hello()).toMatchObject({ command: "HELLO_RESPONSE", code: 1, description });
    await client.untilEnded();
  });

  it("is told when its time is over, with the TimeoutError as reason", async () => {
    let reason: unknown;
    await mesh.start({
      helloTimeout: 20,
      authenticate: (_, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            resolve(true);
          })
        ),
    });
    const client = await mesh.connect();
    await expect(client.hello()).rejects.toThrow("the connection is gone");
    expect(reason).toMatchObject({ code: "ERR_TIMEOUT", timeout: 20 });
    expect(mesh.broker.inspect().sessions).toEqual([]);
  });

  it("is told when its client is gone", async () => {
    let signal: AbortSignal | undefined;
    await mesh.start({
      authenticate: (_, options) => {
        signal = options.signal;
        return new Promise(() => {});
      },
    });
    const client = await mesh.connect();
    void client.hello().catch(() => {});
    await until(() => signal !== undefined);
    await client.destroy();
    await until(() => signal!.aborted);
  });

  it("is asked once: other commands meanwhile find no session", async () => {
    let decide: (verdict: boolean) => void = () => {};
    let asked = 0;
    await mesh.start({
      authenticate: () => {
        asked++;
        return new Promise<boolean>((resolve) => decide = resolve);
      },
    });
    const client = await mesh.connect();
    const answer = client.hello();
    expect(await client.request("HEARTBEAT_REQUEST")).toMatchObject({ code: 1 });
    expect(await client.hello()).toMatchObject({
      code: 1,
      description: "java.lang.Exception: hello is being processed",
    });
    decide(true);
    expect(await answer).toMatchObject(SUCCESS);
    expect(asked).toBe(1);
    await client.settled();
  });
});
