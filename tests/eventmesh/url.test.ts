import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { connect as connectAny } from "../../lib/connect.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { parseUrls, serverAt } from "../../lib/eventmesh/url.ts";
import { withoutCredentials } from "../../lib/messaging/url.ts";
import type { Network } from "../../lib/net/mod.ts";

describe("a URL of a server", () => {
  it.each([
    { url: "eventmesh://localhost", target: { host: "localhost", port: 10_000 }, text: "localhost:10000" },
    { url: "eventmesh://127.0.0.1:4711/", target: { host: "127.0.0.1", port: 4711 }, text: "127.0.0.1:4711" },
    { url: "eventmesh://[::1]:4711", target: { host: "::1", port: 4711 }, text: "[::1]:4711" },
    { url: "eventmesh://[::1]", target: { host: "::1", port: 10_000 }, text: "[::1]:10000" },
    {
      url: "EventMesh://mesh.example.org:1",
      target: { host: "mesh.example.org", port: 1 },
      text: "mesh.example.org:1",
    },
    { url: "eventmesh+unix:///run/mesh.sock", target: { path: "/run/mesh.sock" }, text: "/run/mesh.sock" },
    { url: "eventmesh+unix:///run/my%20mesh", target: { path: "/run/my mesh" }, text: "/run/my mesh" },
  ])("leads somewhere: $url", ({ url, target, text }) => {
    const { servers, agent } = parseUrls(url, undefined);
    expect(servers).toEqual([{ target, text, tls: false }]);
    expect(agent).toEqual({});
    expect(parseUrls(new URL(url), undefined).servers).toEqual(servers);
  });

  it("asks for TLS with its scheme, with the settings of the options", () => {
    const tls = { servername: "mesh" };
    const [secure, local] = parseUrls(["eventmesh+tls://a:1", "eventmesh+unix:///run/mesh"], tls).servers;
    // A copy: what the caller does to it later reaches nobody.
    tls.servername = "elsewhere";
    const copy = { servername: "mesh" };
    expect(secure).toEqual({ target: { host: "a", port: 1, tls: copy }, text: "a:1", tls: true });
    expect(local).toEqual({ target: { path: "/run/mesh" }, text: "/run/mesh", tls: false });
    expect(parseUrls("eventmesh+tls://a", undefined).servers[0]!.target).toEqual({
      host: "a",
      port: 10_000,
      tls: {},
    });
  });

  it("tells who we are", () => {
    const url =
      "eventmesh://me:se%2Fcret%40@h:1?group=billing&subsystem=5034&idc=FT&env=DEV&path=%2Fapp%20one";
    expect(parseUrls(url, undefined).agent).toEqual({
      username: "me",
      password: "se/cret@",
      group: "billing",
      subsystem: "5034",
      idc: "FT",
      env: "DEV",
      path: "/app one",
    });
  });

  it("of several tells it for all of them", () => {
    const { agent, servers } = parseUrls(
      ["eventmesh://a?group=one", "eventmesh://me:secret@b?group=one&idc=FT", "eventmesh://c"],
      undefined,
    );
    expect(agent).toEqual({ group: "one", idc: "FT", username: "me", password: "secret" });
    expect(servers.map(({ text }) => text)).toEqual(["a:10000", "b:10000", "c:10000"]);
  });
});

describe("settings of TLS", () => {
  it.each([
    [["eventmesh://me:sesame@b:2"], { ca: "x" }],
    [["eventmesh+tls://a:1", "eventmesh://me:sesame@b:2"], { rejectUnauthorized: true }],
    [["eventmesh://me:sesame@b:2", "eventmesh+unix:///run/mesh"], {}],
  ])("are a TypeError beside a server without TLS, and nothing is dialled: %j", async (urls, tls) => {
    let dialled = 0;
    const network = { dial: () => Promise.reject(new Error(`dialled ${++dialled}`)) } as unknown as Network;
    for (const call of [connect, connectAny]) {
      const error = await call(urls as `eventmesh${string}`[], { tls, network }).catch((error) => error);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(
        'Cannot use URL "eventmesh://...@b:2": expected scheme eventmesh+tls: beside option "tls", got eventmesh:',
      );
    }
    expect(dialled).toBe(0);
  });
});

describe("URLs that contradict each other", () => {
  it.each([
    {
      urls: ["eventmesh://a?group=one", "eventmesh://b?group=two"],
      text: "group for all servers, got that for b:10000",
    },
    {
      urls: ["eventmesh://me@a", "eventmesh://you@b"],
      text: "username for all servers, got that for b:10000",
    },
    {
      urls: ["eventmesh://me:1@a", "eventmesh://c", "eventmesh://me:2@b"],
      text: "password for all servers, got that for b",
    },
  ])("are a TypeError: $urls", ({ urls, text }) => {
    const error = thrown(() => parseUrls(urls, undefined));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toContain(`expected the same ${text}`);
  });
});

describe("a URL that is wrong", () => {
  it.each([
    { url: "nats://h:1", text: /Cannot use URL "nats:\/\/h:1": expected scheme eventmesh: or .*, got nats:/ },
    { url: "h:1", text: /expected scheme eventmesh: or eventmesh\+tls: or eventmesh\+unix:, got h:/ },
    { url: "nonsense", text: /Cannot use URL "nonsense": expected eventmesh:\/\/host:port, got no URL/ },
    { url: "", text: /Cannot use URL "": expected eventmesh:\/\/host:port, got no URL/ },
    { url: "eventmesh://", text: /expected a host, got none/ },
    { url: "eventmesh://h:0", text: /expected a port from 1 to 65535, got 0/ },
    {
      url: "eventmesh://h:65536",
      text: /Cannot use URL "eventmesh:\/\/h:65536": expected eventmesh:\/\/host:port/,
    },
    { url: "eventmesh://h/topic", text: /expected nothing but parameters behind the host, got a path/ },
    { url: "eventmesh://h#part", text: /expected nothing but parameters behind the host, got a fragment/ },
    {
      url: "eventmesh://h?grup=x",
      text: /expected parameters out of group, subsystem, idc, env, path, got grup/,
    },
    { url: "eventmesh+unix://", text: /expected no host and a path, as in eventmesh\+unix:\/\/\/path/ },
    { url: "eventmesh+unix://host/run/mesh", text: /expected no host and a path/ },
    { url: "eventmesh+unix:///run/%zz", text: /expected a path with %XX for special characters/ },
  ])("is a TypeError that names it and what is wanted: $url", ({ url, text }) => {
    const error = thrown(() => parseUrls(url, undefined));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toMatch(text);
  });

  it.each([
    { urls: [], text: "Cannot connect: expected one or more URLs, got an empty list" },
    { urls: 5, text: "Cannot connect: expected a URL as text or a URL object, got 5" },
    { urls: [undefined], text: "Cannot connect: expected a URL as text or a URL object, got undefined" },
    { urls: {}, text: "Cannot connect: expected a URL as text or a URL object, got an object" },
  ])("is a TypeError when it is none: $urls", ({ urls, text }) => {
    const error = thrown(() => parseUrls(urls as unknown as string, undefined));
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe(text);
  });
});

describe("a password", () => {
  it.each([
    "eventmesh://me:sesame@h:1/topic",
    "eventmesh://me:sesame@h:1?grup=x",
    "eventmesh://me:sesame@h:none",
    "eventmesh://me:sesame@:1",
    "nats://me:sesame@h:1",
    "me:sesame@h:1",
    "://me:sesame@h:1",
    // As people forget to encode it.
    "eventmesh://me:open/sesame@h:1",
    "eventmesh://me:1/sesame@h:1",
    "eventmesh://me:1?sesame@h:1",
    "eventmesh://me:1#sesame@h:1",
    "eventmesh://me:open@sesame@h:none",
    "eventmesh://me:sesame%zz@h:1",
    "eventmesh+unix://me:sesame@h/run/mesh",
  ])("is not in the error: %s", (url) => {
    const error = thrown(() => parseUrls(url, undefined));
    expect(error).toBeInstanceOf(TypeError);
    // Whatever a log would print of it, causes and all.
    expect(inspect(error, { depth: 10 })).not.toContain("sesame");
  });

  it("is not in what is shown of a URL", () => {
    expect(withoutCredentials("eventmesh://me:sesame@h:1")).toBe("eventmesh://...@h:1");
    expect(withoutCredentials("eventmesh://h:1")).toBe("eventmesh://h:1");
    expect(withoutCredentials("me:sesame@h:1")).toBe("...@h:1");
  });

  it("is not in the text of a server", () => {
    expect(parseUrls("eventmesh://me:sesame@h:1", undefined).servers).toEqual([
      { target: { host: "h", port: 1 }, text: "h:1", tls: false },
    ]);
  });
});

describe("the server of a redirect", () => {
  it("is a host and a port, with TLS where it was in use", () => {
    expect(serverAt("10.0.0.1", 10_000, undefined)).toEqual({
      target: { host: "10.0.0.1", port: 10_000 },
      text: "10.0.0.1:10000",
      tls: false,
    });
    expect(serverAt("fe80::1", 1, {})).toEqual({
      target: { host: "fe80::1", port: 1, tls: {} },
      text: "[fe80::1]:1",
      tls: true,
    });
  });
});

function thrown(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("Expected an error, got none");
}
