import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { connect, type NatsOptions } from "../../lib/nats/mod.ts";
import { parseUrls } from "../../lib/nats/url.ts";
import { rejection } from "./kit.ts";

describe("a URL of NATS", () => {
  it.each([
    ["nats://h", { servers: ["h:4222"], tls: false }],
    ["nats+tls://h:1", { servers: ["h:1"], tls: true }],
    ["nats://[::1]:7", { servers: ["[::1]:7"] }],
    ["nats://me:s%40me@h", { user: "me", pass: "s@me", token: undefined }],
    ["nats://t%2Fken@h", { token: "t/ken", user: undefined }],
    [["nats://a", new URL("nats://b:2")], { servers: ["a:4222", "b:2"] }],
  ])("is read: %s", (urls, wanted) => {
    expect(parseUrls(urls as string)).toMatchObject(wanted);
  });

  it.each([
    "nats://",
    "http://h",
    "nats://h/path",
    "nats://h?x=1",
    "nats://h#x",
    "nats://h:0",
    "nats://me:ses%ame@h",
    "nats://me:sesame@h/x",
  ])("is a TypeError without its credentials: %s", async (url) => {
    const error = await rejection(connect(url));
    expect(error).toBeInstanceOf(TypeError);
    expect(inspect(error)).not.toMatch(/ses/);
  });

  it("is of one scheme with the others of its list", async () => {
    expect(await rejection(connect(["nats://a", "nats+tls://b"]))).toBeInstanceOf(TypeError);
    expect(await rejection(connect([]))).toBeInstanceOf(TypeError);
    expect(await rejection(connect(5 as never))).toBeInstanceOf(TypeError);
  });
});

describe("an option of NATS", () => {
  it.each([
    { timeout: -1 },
    { window: 0 },
    { windowBytes: 1.5 },
    { heartbeat: 0 },
    { missedHeartbeats: 0 },
    { reconnect: { attempts: 0 } },
    { reconnect: { min: 500, max: 100 } },
    { timeout: NaN },
  ] as NatsOptions[])("is a RangeError when it is out of range: %j", async (options) => {
    expect(await rejection(connect("nats://h", options))).toBeInstanceOf(RangeError);
  });

  it.each([
    { timeout: "1" },
    { signal: {} },
    { network: {} },
    { user: 1 },
    { creds: 1 },
    { authenticator: "me" },
    { tls: true },
    { reconnect: true },
    { noResponders: "x" },
    { inboxPrefix: "a.*" },
    { inboxPrefix: "a".repeat(1_025) },
    { echo: 1 },
    null,
  ])("is a TypeError when it is none: %j", async (options) => {
    expect(await rejection(connect("nats://h", options as never))).toBeInstanceOf(TypeError);
  });

  it.each(["pass", "token", "nkey", "creds"])("is not shown when it is secret: %s", async (name) => {
    const error = await rejection(connect("nats://h", { [name]: { sesame: true } } as never)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(`option "${name}"`);
  });
});
