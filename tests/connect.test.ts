import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { connect } from "../lib/connect.ts";
import { UnsupportedError } from "../lib/errors.ts";
import { memoryNetwork } from "../lib/net/mod.ts";
import { startFakeServer } from "./support/fake_server.ts";

describe("connect", () => {
  it("picks the protocol by the scheme of the first URL", async () => {
    const network = memoryNetwork();
    const server = await startFakeServer({ network });
    for (
      const url of [
        server.url,
        [server.url],
        new URL(server.url),
        server.url.replace("eventmesh", "EventMesh"),
      ]
    ) {
      const connection = await connect(url, { network });
      await connection.publish("orders", "x");
      expect((await connection.goodbye()).outcome).toBe("clean");
    }
    await server.close();
    expect(network.open()).toEqual({ sockets: 0, listeners: 0, timers: 0 });
  });

  it("copies what it is given", async () => {
    const network = memoryNetwork();
    const server = await startFakeServer({ network });
    const options = { network, reconnect: { min: 5 } };
    const urls = [new URL(server.url)];
    const connecting = connect(urls, options);
    options.reconnect.min = options.network = "no more" as never;
    urls[0]!.port = "1";
    urls.length = 0;
    expect((await (await connecting).goodbye()).outcome).toBe("clean");
    await server.close();
  });

  it("refuses a scheme that no protocol has", async () => {
    const error = await connect("amqp://me:sesame@localhost").catch((reason: unknown) => reason) as Error;
    expect(error).toBeInstanceOf(UnsupportedError);
    expect(error.message).toBe(
      "Cannot connect: expected a URL with scheme eventmesh:, eventmesh+tls:, eventmesh+unix:, nats: or nats+tls:, got amqp:",
    );
  });

  it.each(["constructor", "toString", "hasOwnProperty", "valueOf", "constructor+tls"])(
    "takes no name that every object has for a scheme: %s",
    async (scheme) => {
      const error = await connect(`${scheme}://h`).catch((reason: unknown) => reason) as Error;
      expect(error).toBeInstanceOf(UnsupportedError);
      expect(error.message).toContain(`got ${scheme.toLowerCase()}:`);
    },
  );

  it.each([
    { urls: "__proto__://h", text: /expected a URL such as eventmesh:\/\/host:port, got "__proto__:\/\/h"/ },
    { urls: 5, text: "Cannot connect: expected a URL or a list of URLs, got number" },
    { urls: [], text: "Cannot connect: expected a URL or a list of URLs, got an empty list" },
    {
      urls: "localhost",
      text: 'Cannot connect: expected a URL such as eventmesh://host:port, got "localhost"',
    },
    {
      urls: "localhost:10000",
      text: 'Cannot connect: expected a URL such as eventmesh://host:port, got "localhost:10000"',
    },
    {
      urls: "me:sesame@h:1",
      text: 'Cannot connect: expected a URL such as eventmesh://host:port, got "...@h:1"',
    },
    { urls: ["eventmesh://a", "amqp://b"], text: /Cannot use URL "amqp:\/\/b": expected scheme eventmesh:/ },
  ])("is a TypeError for what is no URL: $urls", async ({ urls, text }) => {
    const error = await connect(urls as string).catch((reason: unknown) => reason) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toEqual(typeof text === "string" ? text : expect.stringMatching(text));
    expect(inspect(error)).not.toContain("sesame");
  });

  it("is a TypeError for options that are none", async () => {
    const error = await connect("eventmesh://h", null as never).catch((reason: unknown) => reason) as Error;
    expect(error).toBeInstanceOf(TypeError);
    expect(error.message).toBe("Cannot use the options: expected an object, got null");
  });

  it("does nothing at all when the signal has aborted before", async () => {
    const network = memoryNetwork();
    const server = await startFakeServer({ network });
    for (const reason of [null, 0, new Error("no")]) {
      const signal = AbortSignal.abort(reason);
      expect(await connect(server.url, { network, signal }).catch((error: unknown) => error)).toBe(reason);
    }
    expect(server.sessions).toEqual([]);
    await server.close();
  });
});
