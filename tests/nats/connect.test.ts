import { describe, expect, it } from "vitest";
import { connect as connectAny } from "../../lib/connect.ts";
import { ConnectError, PeerError, ProtocolError, TimeoutError } from "../../lib/errors.ts";
import { connect } from "../../lib/nats/mod.ts";
import { systemNetwork } from "../../lib/net/mod.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { openSockets } from "../support/descriptors.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const tcpPlace = places(gate, () => systemNetwork());

describe("connect to NATS", () => {
  it("logs in, and works by the generic entry too", async () => {
    const { network, server } = await place();
    const connection = await connectAny(server.url, { network });
    expect(connection.state).toBe("open");
    await connection.publish("orders", "x");
    expect((await connection.goodbye()).outcome).toBe("clean");
    expect(server.sessions[0]!.connect).toMatchObject({
      name: "gracewire",
      lang: "gracewire",
      headers: true,
    });
  });

  it.each([
    ["user and password of the URL", "me:s%40me@", {}, { user: "me", pass: "s@me" }],
    ["a token of the URL", "sesame@", {}, { auth_token: "sesame" }],
    ["user and password", "", { user: "me", pass: "sesame" }, { user: "me", pass: "sesame" }],
    ["a token", "", { token: "sesame" }, { auth_token: "sesame" }],
    ["an authenticator", "", { authenticator: () => ({ user: "made" }) }, { user: "made" }],
  ])("says who it is by %s", async (_what, credentials, options, said) => {
    const { network, server } = await place();
    const url = server.url.replace("nats://", `nats://${credentials}`);
    await (await connect(url, { network, ...options })).goodbye();
    expect(server.sessions[0]!.connect).toMatchObject(said);
  });

  it("signs the nonce of the server by an nkey, a JWT or a credentials file", async () => {
    const { network, server } = await place();
    server.info = { nonce: "abc" };
    const seed = "SUAEL6GG2L2HIF7DUGZJGMRUFKXELGGYFMHF76UO2AYBG3K4YLWR3FKC2Q";
    const creds = `-----BEGIN NATS USER JWT-----\nthe.jwt\n------END NATS USER JWT------\n
-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
    for (const options of [{ nkey: seed }, { jwt: "the.jwt", nkey: seed }, { creds }]) {
      await (await connect(server.url, { network, ...options })).goodbye();
    }
    const said = server.sessions.map(({ connect }) => connect!);
    for (const { nkey, sig } of said) {
      expect(nkey).toMatch(/^U[A-Z0-9]+$/);
      expect(sig).toMatch(/^[\w+/-]{80,}=*$/);
    }
    expect(said.map(({ jwt }) => jwt)).toEqual([undefined, "the.jwt", "the.jwt"]);
  });

  it("rejects with what an authenticator throws as the cause, and leaves nothing", async () => {
    const { network, server } = await place();
    const failure = new Error("no credentials today");
    const authenticator = (): never => {
      throw failure;
    };
    const error = await rejection(connect(server.url, { network, authenticator })) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.cause).toBe(failure);
    expect(network.dialled.size).toBe(0);
  });

  it("rejects with a PeerError when the credentials are refused", async () => {
    const { network, server } = await place();
    server.admits = ({ user }) => user === "me";
    const error = await rejection(connect(server.url, { network, user: "you", pass: "sesame" })) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.description).toContain("Authorization Violation");
    expect(error.message).not.toContain("sesame");
    await (await connect(server.url, { network, user: "me", pass: "x" })).goodbye();
  });

  it("never changes the options it is given", async () => {
    const { network, server } = await place();
    const freeze = <T extends object>(value: T): T => {
      for (const part of Object.values(value)) {
        if (typeof part === "object" && part !== null && part !== network) freeze(part as object);
      }
      return Object.freeze(value);
    };
    const options = freeze({ network, user: "me", pass: "x", reconnect: { min: 1 }, tls: undefined });
    const connection = await connect(server.url, options);
    await connection.publish("orders", "x", freeze({ properties: { a: "b" }, id: "1" }));
    const subscription = await connection.subscribe("orders", freeze({ queue: "q" }));
    await subscription.goodbye();
    await connection.goodbye();
    expect(Object.keys(options)).toEqual(["network", "user", "pass", "reconnect", "tls"]);
  });

  it("uses the first server of a list that answers", async () => {
    const { network, server } = await place();
    const connection = await connect(["nats://127.0.0.1:1", server.url], { network });
    expect(connection.server).toBe(server.url.slice(7));
    await connection.goodbye();
  });

  it.each([
    ["garbage", "HTTP/1.1 400 Bad Request\r\n\r\n", /no INFO/],
    ["broken INFO", "INFO {nonsense\r\n", /no INFO/],
    ["a first line without an end", `INFO ${"x".repeat(1_100_000)}`, /no first line/],
  ])("rejects with a ConnectError for %s", async (_what, greeting, message) => {
    const { network, server } = await place();
    server.greeting = greeting;
    const error = await rejection(connect(server.url, { network })) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.message).toMatch(message);
    expect(network.dialled.size).toBe(0);
  });

  it.each(["silence", "INFO and then silence"])("leaves no socket of 500 that meet %s", async (what) => {
    const { network, server } = await tcpPlace();
    if (what === "silence") server.greeting = "";
    else server.late = "hello";
    const before = openSockets();
    const abort = countedAbort();
    const { signal } = abort;
    const all = <T>(make: () => T): T[] => Array.from({ length: 250 }, make);
    const aborted = all(() => rejection(connect(server.url, { network, signal })));
    await until(() => server.open.length === 250, { timeout: 20_000, what: "250 streams" });
    abort.abort("enough");
    expect(new Set(await Promise.all(aborted))).toEqual(new Set(["enough"]));
    expect([network.dialled.size, abort.listeners()]).toEqual([0, 0]);
    const late = await Promise.all(all(() => rejection(connect(server.url, { network, timeout: 300 }))));
    expect(late.every((error) => error instanceof TimeoutError)).toBe(true);
    expect(network.dialled.size).toBe(0);
    await until(() => server.open.length === 0, { what: "the server to see all ends" });
    if (before !== undefined) await until(() => openSockets()! <= before);
  });

  it("frees a connection whose abort comes in the turn of its success", async () => {
    const { network, server } = await place();
    for (let turns = 0; turns < 40; turns++) {
      const abort = countedAbort();
      const attempt = connect(server.url, { network, signal: abort.signal });
      void (async () => {
        for (let i = 0; i < turns; i++) await undefined;
        abort.abort(turns);
      })();
      const outcome = await attempt.then((connection) => ({ connection }), (error: unknown) => ({ error }));
      if ("connection" in outcome) await outcome.connection.goodbye();
      else expect(outcome.error).toBe(turns);
    }
    await until(() => network.open().sockets === 0);
  });
});

describe("TLS", () => {
  it("is used by scheme nats+tls, after INFO in clear", async () => {
    const network = gate.watch(systemNetwork());
    const { startTlsServer } = await import("./tls_server.ts");
    const server = await startTlsServer({ cert, key });
    const connection = await connect(server.url, { network, tls: { ca } });
    await connection.publish("orders", "secret");
    expect((await connection.goodbye()).outcome).toBe("clean");
    expect(server.clear).not.toContain("secret");
    await server.close();
  });

  it("is refused with a certificate that nobody trusts, and leaves nothing", async () => {
    const network = gate.watch(systemNetwork());
    const { startTlsServer } = await import("./tls_server.ts");
    const server = await startTlsServer({ cert, key });
    const error = await rejection(connect(server.url, { network })) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(network.open().sockets).toBe(0);
    await server.close();
  });

  it("is refused when anything in clear stands behind INFO", async () => {
    const network = gate.watch(systemNetwork());
    const { startTlsServer } = await import("./tls_server.ts");
    const server = await startTlsServer({ cert, key }, "MSG orders 1 3\r\nbad\r\n");
    const error = await rejection(connect(server.url, { network, tls: { ca } })) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.cause).toBeInstanceOf(ProtocolError);
    expect((error.cause as Error).message).toContain("bytes in clear behind its first line");
    expect(server.handshakes).toBe(0);
    expect(network.open().sockets).toBe(0);
    await server.close();
  });

  it("leaves no socket of 50 whose handshake gets no answer", async () => {
    const network = gate.watch(systemNetwork());
    const { startTlsServer } = await import("./tls_server.ts");
    const server = await startTlsServer("silent");
    const abort = countedAbort();
    const all = (options: object): Promise<unknown>[] =>
      Array.from({ length: 25 }, () => rejection(connect(server.url, { network, ...options })));
    const aborted = all({ signal: abort.signal });
    await until(() => server.handshakes === 25, { timeout: 20_000, what: "25 handshakes" });
    abort.abort("enough");
    expect(new Set(await Promise.all(aborted))).toEqual(new Set(["enough"]));
    expect(network.open().sockets).toBe(0);
    const late = await Promise.all(all({ timeout: 300 }));
    expect(late.every((error) => error instanceof TimeoutError)).toBe(true);
    expect(network.open().sockets).toBe(0);
    await server.close();
  });

  it("is not given up for a server that has none", async () => {
    const { network, server } = await tcpPlace();
    const url = server.url.replace("nats:", "nats+tls:");
    const error = await rejection(connect(url, { network })) as ConnectError;
    expect(error.message).toContain("has none");
    expect(network.dialled.size).toBe(0);
    await until(() => server.open.length === 0);
  });
});
