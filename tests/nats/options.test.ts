import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { connect as connectAny } from "../../lib/connect.ts";
import { connect, type NatsOptions } from "../../lib/nats/mod.ts";
import { resolveOptions } from "../../lib/nats/options.ts";
import { parseUrls } from "../../lib/nats/url.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { isTerminal } from "../../lib/pool/options.ts";
import { leakGate } from "../support/leak.ts";
import { watchUnhandled } from "../support/unhandled.ts";
import { turns } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const seed = "SUAEL6GG2L2HIF7DUGZJGMRUFKXELGGYFMHF76UO2AYBG3K4YLWR3FKC2Q";
const file = `-----BEGIN NATS USER JWT-----\nthe.jwt\n------END NATS USER JWT------\n
-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("the options of connect", () => {
  const keys: [string, () => Record<string, Uint8Array | string>][] = [
    ["an nkey", () => ({ nkey: bytesOf(seed) })],
    ["a credentials file", () => ({ creds: bytesOf(file) })],
    ["a key beside a JWT", () => ({ jwt: "the.jwt", nkey: bytesOf(seed) })],
  ];
  it.each([
    ...keys.map(([what, make]) => [what, make, connect] as const),
    ...keys.map(([what, make]) => [`${what}, by the connect of all protocols`, make, connectAny] as const),
  ])("may be overwritten once connect was called: %s", async (_what, make, connect) => {
    const { network, server } = await place();
    server.info = { nonce: "abc" };
    const options = make();
    const connecting = connect(server.url, { network, ...options });
    for (const value of Object.values(options)) if (typeof value !== "string") value.fill(0);
    const connection = await connecting;
    // On a connection of its own, which logs in anew.
    await connection.subscribe("orders");
    const [first, second] = server.sessions.map(({ connect }) => connect!);
    expect(first!["nkey"]).toMatch(/^U[A-Z0-9]+$/);
    expect(second!["nkey"]).toBe(first!["nkey"]);
    expect(second!["sig"]).toBe(first!["sig"]);
    await connection.goodbye();
  });

  it("are the caller's again once the connect of all protocols was called", async () => {
    const { network, server } = await place();
    server.admits = ({ user }) => user === "me";
    const given = { network, authenticator: [() => ({ user: "me" })], reconnect: { min: 5 }, name: "before" };
    const urls = [server.url as `nats${string}`];
    const connecting = connectAny(urls, given);
    given.authenticator.length = 0;
    given.reconnect.min = given.network = "no more" as never;
    given.name = "after";
    urls[0] = "nats://127.0.0.1:1";
    const connection = await connecting;
    expect(server.sessions[0]!.connect).toMatchObject({ user: "me", name: "before" });
    await connection.goodbye();
  });

  it("of TLS too: an authority that is changed later", async () => {
    const { network, server } = await place();
    const tls: { ca: string } = { ca: "an authority" };
    const refused = rejection(connectAny(server.url as `nats${string}`, { network, tls }));
    tls.ca = 5 as never;
    expect((await refused as Error).message).toContain("TLS is asked for");
  });

  it("are copied, lists and objects in them too", () => {
    const given = {
      nkey: bytesOf(seed),
      authenticator: [() => ({ user: "me" })],
      tls: { ca: "an authority", handshakeFirst: true },
      reconnect: { min: 5, attempts: 2 },
    };
    const before = { ...given, tls: { ...given.tls }, reconnect: { ...given.reconnect } };
    const { auth, reconnect, tls } = resolveOptions(given, parseUrls("nats://h"));
    given.nkey.fill(0);
    given.authenticator.length = 0;
    given.tls.ca = given.reconnect.min = undefined as never;
    expect(new TextDecoder().decode(auth.nkey as Uint8Array)).toBe(seed);
    expect(auth.authenticator).toHaveLength(1);
    expect(tls).toEqual(before.tls);
    expect(reconnect).toEqual(before.reconnect);
  });

  it.each([
    [{ maxReconnectAttempts: 5 }, "maxReconnectAttempts"],
    [{ password: "sesame" }, "password"],
    [{ reconnect: { attemps: 1 } }, "reconnect.attemps"],
    [{ tls: { rejectUnauthorised: true } }, "tls.rejectUnauthorised"],
    [{ constructor: 1 }, "constructor"],
  ])("are a TypeError when there is no such option, before anything is done: %j", async (options, name) => {
    const network = memoryNetwork();
    let dialled = 0;
    const watched = {
      dial: (...args: Parameters<typeof network.dial>) => (dialled++, network.dial(...args)),
    };
    for (const call of [connect, connectAny]) {
      const given = { network: watched, ...options } as unknown as NatsOptions;
      const error = await rejection(call("nats://127.0.0.1:1", given)) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(`Cannot use option "${name}": there is no such option`);
      expect(inspect(error)).not.toContain("sesame");
    }
    expect(dialled).toBe(0);
  });

  it.each([
    [{ ca: 5 }, 'Cannot use option "tls.ca": expected a string, got 5'],
    [{ key: { secret: "sesame" } }, 'Cannot use option "tls.key": expected a string, got a object'],
    [{ handshakeFirst: 1 }, 'Cannot use option "tls.handshakeFirst": expected true or false, got 1'],
    [
      "yes",
      'Cannot use option "tls": expected an object with ca, cert, key, servername, rejectUnauthorized or handshakeFirst, got "yes"',
    ],
  ])("name what is wrong with the settings of TLS: %j", async (tls, message) => {
    const error = await rejection(connect("nats://h", { tls } as unknown as NatsOptions)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(message);
  });
});

describe("the options of subscribe and requestMany", () => {
  it("are a TypeError when there is no such option, which says what is meant", async () => {
    const { connect, server } = await place();
    const connection = await connect();
    const before = server.sessions[0]!.commands.length;
    const refused = async (options: object): Promise<string> => {
      const error = await rejection(connection.subscribe("orders", options)) as Error;
      expect(error).toBeInstanceOf(TypeError);
      return error.message;
    };
    expect(await refused({ capcity: 5 })).toBe('Cannot use option "capcity": there is no such option');
    expect(await refused({ group: "g" })).toBe(
      'Cannot use option "group": there is no such option, who shares the messages of a subject is a "queue" in NATS',
    );
    expect(() => connection.requestMany("orders", "x", { stal: 5 } as never)).toThrow(
      'Cannot use option "stal": there is no such option',
    );
    expect(() => connection.requestMany("orders", "x", { count: NaN })).toThrow(RangeError);
    expect(server.sessions[0]!.commands.length).toBe(before);
    // For programs that do not know which protocol they speak.
    await (await connection.subscribe("orders", { type: "sync" } as never)).goodbye();
  });
});

describe("credentials that cannot be read", () => {
  const key = "the seed of an nkey";
  const contents = "the contents of a credentials file";
  it.each([
    ["no key", { nkey: "sesame" }, key],
    ["an empty key", { nkey: "" }, key],
    ["a key with a slip", { nkey: bytesOf(`${seed.slice(0, -1)}A`) }, key],
    ["no key of a JWT", { nkey: "sesame", jwt: "the.jwt" }, key],
    ["the name of a file", { creds: "/etc/sesame.creds" }, contents],
    ["a file without a key", { creds: bytesOf(file.replace(seed, "sesame")) }, contents],
  ])(
    "are a TypeError before anything is dialled, and final for a pool: %s",
    async (_what, options, wanted) => {
      const { network, server } = await place();
      const [name] = Object.keys(options);
      for (const call of [connect, connectAny]) {
        const error = await rejection(call(server.url as "nats:", { network, ...options })) as Error;
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toBe(
          `Cannot use option "${name}": expected ${wanted}, got what cannot be read as one`,
        );
        expect(inspect(error, { depth: 10 })).not.toContain("sesame");
        expect(isTerminal(error)).toBe(true);
      }
      expect([...network.dialled].length).toBe(0);
      expect(server.sessions.length).toBe(0);
    },
  );
});

describe("an authenticator that returns a promise", () => {
  it.each([
    ["of credentials", () => Promise.resolve({ user: "me" })],
    ["that rejects", () => Promise.reject(new Error("no key"))],
  ])("is a TypeError, and nobody logs in without credentials: %s", async (_what, authenticator) => {
    const { network, server } = await place();
    const unhandled = watchUnhandled();
    for (const urls of [server.url, [server.url, "nats://127.0.0.1:1"]]) {
      const error = await rejection(connect(urls, { network, authenticator: [authenticator] })) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(
        'Cannot use option "authenticator": expected a function that is synchronous and returns credentials, got a promise',
      );
    }
    await turns(2);
    expect(server.sessions.map(({ connect }) => connect)).toEqual([undefined, undefined]);
    unhandled.end();
    expect(unhandled.errors).toEqual([]);
  });
});

describe("an authenticator that returns a promise at a later login", () => {
  const message =
    'Cannot use option "authenticator": expected a function that is synchronous and returns credentials, got a promise';

  it("ends the connection with the same error, and logs in no more", async () => {
    const { network, server, ...there } = await place();
    let logins = 0;
    const authenticator = (): object => ++logins === 1 ? { user: "me" } : Promise.resolve({ user: "me" });
    const connection = await there.connect({ authenticator });
    const waiting = rejection(connection.publish("orders", "x".repeat(20), { retry: "unknown" }));
    for (const transport of network.dialled) transport.reset();
    const { cause, reason, residue } = await connection.closed;
    expect(cause).toBe("lost");
    expect(reason).toBeInstanceOf(TypeError);
    expect((reason as Error).message).toBe(message);
    expect(await waiting).toMatchObject({ code: "ERR_CLOSED", cause: reason });
    expect(residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
    expect(logins).toBe(2);
    expect(server.sessions.length).toBe(2);
  });

  it("ends a subscription with a connection of its own the same way", async () => {
    const { network, ...there } = await place();
    let logins = 0;
    const authenticator = (): object => ++logins < 3 ? { user: "me" } : Promise.resolve({ user: "me" });
    const connection = await there.connect({ authenticator });
    const subscription = await connection.subscribe("orders");
    [...network.dialled].at(-1)!.reset();
    const { reason } = await subscription.closed;
    expect(reason).toBeInstanceOf(TypeError);
    expect((reason as Error).message).toBe(message);
    expect(connection.state).toBe("open");
  });
});

describe("the credentials of several servers", () => {
  it("are the same: those of one URL are for all", async () => {
    for (
      const urls of [
        ["nats://me:sesame@a", "nats://b"],
        ["nats://a", "nats://me:sesame@b"],
        ["nats://me:sesame@a", "nats://me:sesame@b"],
      ]
    ) expect(parseUrls(urls)).toMatchObject({ user: "me", pass: "sesame", token: undefined });
    const { network, server } = await place();
    const connection = await connect(["nats://127.0.0.1:1", server.url.replace("//", "//me:x@")], {
      network,
    });
    expect(server.sessions[0]!.connect).toMatchObject({ user: "me", pass: "x" });
    await connection.goodbye();
  });

  it.each([
    [["nats://me:sesame@a", "nats://you:sesame@b"]],
    [["nats://me:sesame@a", "nats://me:sesame2@b"]],
    [["nats://sesame@a", "nats://c", "nats://sesame2@b"]],
    [["nats://me:sesame@a", "nats://sesame@b"]],
  ])("are a TypeError where they differ, without them: %j", async (urls) => {
    const error = await rejection(connect(urls)) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(
      "Cannot connect: expected the same credentials for all servers, got those for b:4222 to differ from those for a:4222",
    );
    expect(inspect(error)).not.toMatch(/sesame|you/);
  });
});
