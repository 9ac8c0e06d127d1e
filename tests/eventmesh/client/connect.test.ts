import { describe, expect, it } from "vitest";
import { ConnectError, PeerError, ProtocolError, TimeoutError } from "../../../lib/errors.ts";
import { VERSION } from "../../../lib/version.ts";
import { abortReasons, countedAbort } from "../../support/signals.ts";
import {
  client,
  clientGate,
  failure,
  fake,
  holdTime,
  microtasksLater,
  network,
  onData,
  openStreams,
  pair,
  partClean,
  pass,
  watch,
} from "./kit.ts";
import { until } from "../../support/until.ts";

clientGate();

/** A port where nobody listens. */
const nowhere = "eventmesh://127.0.0.1:9";

describe("connect", () => {
  it("says hello, completely, before anything else", async () => {
    const { server, connection } = await pair({ username: "u", password: "p", token: "t" });
    await connection.publish("orders", "1");
    expect(server.sessions[0]!.commands).toEqual(["HELLO_REQUEST", "ASYNC_MESSAGE_TO_SERVER"]);
    const { pid, port, ...agent } = server.sessions[0]!.agent!;
    expect(pid).toBeGreaterThan(0);
    expect(port).toBeGreaterThan(0);
    expect(agent).toEqual({
      env: "PRD",
      subsystem: "gracewire",
      path: "/",
      host: "127.0.0.1",
      version: VERSION,
      username: "u",
      password: "p",
      token: "t",
      idc: "DEFAULT",
      group: "gracewire",
      purpose: "pub",
      unack: 0,
    });
    await partClean(connection);
  });

  it("sends nothing behind the hello before it is answered", async () => {
    const server = await fake();
    server.hold("HELLO_REQUEST");
    const connecting = client(server);
    await server.saw("HELLO_REQUEST");
    expect(server.received).toHaveLength(1);
    server.release("HELLO_REQUEST");
    await partClean(await connecting);
  });

  it("takes who we are from the URL before the options", async () => {
    const server = await fake();
    const url = `${server.url.replace("//", "//me:se%2Fcret@")}?group=billing&idc=FT`;
    await client(url, { group: "other", env: "DEV" });
    expect(server.last("pub").agent).toMatchObject({
      username: "me",
      password: "se/cret",
      group: "billing",
      idc: "FT",
      env: "DEV",
    });
  });

  it("is open at once and tells of its first session", async () => {
    const server = await fake();
    server.hold("HELLO_REQUEST");
    const connecting = client(server);
    await server.saw("HELLO_REQUEST");
    server.release("HELLO_REQUEST");
    const connection = await connecting;
    expect(connection.state).toBe("open");
    expect(connection.signal.aborted || connection.draining.aborted).toBe(false);
  });
});

describe("a connect that fails", () => {
  it("rejects with a ConnectError when nobody listens", async () => {
    const error = await failure(client(nowhere)) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.message).toMatch(/^Cannot connect to 127\.0\.0\.1:9: .*ECONNREFUSED/);
    expect(error.address).toBe("127.0.0.1:9");
  });

  it("rejects with the words of a server that refuses the hello, and leaves nothing", async () => {
    const server = await fake();
    server.refuse("HELLO_REQUEST", "group is blank", 2);
    const error = await failure(client(server)) as PeerError;
    expect(openStreams()).toBe(0);
    expect(error).toBeInstanceOf(PeerError);
    expect(error.name).toBe("PeerError");
    expect(error).toMatchObject({ status: 2, description: "group is blank", code: "ERR_PEER" });
    expect(error.message).toBe(
      `Cannot connect to 127.0.0.1:${server.port}: the server answered HELLO_RESPONSE with status 2: group is blank`,
    );
    // There is no session to say goodbye to.
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toEqual([]);
  });

  it("is not tried again behind the back of its caller when the server is busy", async () => {
    const server = await fake();
    server.refuse("HELLO_REQUEST", "Tps overload, global flow control", 3);
    const error = await failure(client(server)) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.transient).toBe(true);
    expect(server.of("HELLO_REQUEST")).toHaveLength(1);
    await server.holds(0);
  });

  it.each(["end", "reset"] as const)(
    "rejects with a ConnectError when the server does %s in place of an answer",
    async (how) => {
      const server = await fake();
      server.on("HELLO_REQUEST", ({ session }) => session.transport[how]());
      const error = await failure(client(server)) as ConnectError;
      expect(openStreams()).toBe(0);
      expect(error).toBeInstanceOf(ConnectError);
      expect(error.message).toMatch(
        how === "end" ? /^Cannot connect to .*: the server ended it$/ : /^Cannot connect to .*ECONNRESET/,
      );
    },
  );

  it("rejects with a ConnectError that is caused by a ProtocolError when the answer is garbage", async () => {
    const server = await fake();
    server.on(
      "HELLO_REQUEST",
      ({ session }) => session.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n")),
    );
    const error = await failure(client(server)) as ConnectError;
    expect(openStreams()).toBe(0);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.cause).toBeInstanceOf(ProtocolError);
    expect(error.message).toContain((error.cause as Error).message);
  });

  it("rejects with a TimeoutError when the server is silent", async () => {
    holdTime();
    const server = await fake();
    server.hold("HELLO_REQUEST");
    const connecting = failure(client(server, { timeout: 3_000 }));
    await server.saw("HELLO_REQUEST");
    await pass(2_800);
    expect(openStreams()).toBe(1);
    await pass(400);
    const error = await connecting as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error.timeout).toBe(3_000);
    expect(error.message).toBe(`Cannot connect to 127.0.0.1:${server.port}: 3000 ms have passed`);
    await server.holds(0);
  });

  it("has a timeout of 20 s", async () => {
    holdTime();
    const server = await fake();
    server.hold("HELLO_REQUEST");
    const connecting = failure(client(server));
    await server.saw("HELLO_REQUEST");
    await pass(20_100);
    expect(await connecting).toMatchObject({ code: "ERR_TIMEOUT", timeout: 20_000 });
  });

  it.each(abortReasons.map((make, index) => ({ make, index })))(
    "rejects with the reason itself after an abort (reason $index)",
    async ({ make }) => {
      const server = await fake();
      server.hold("HELLO_REQUEST");
      const abort = countedAbort();
      const connecting = failure(client(server, { signal: abort.signal }));
      await server.saw("HELLO_REQUEST");
      abort.abort(make());
      expect(Object.is(await connecting, abort.signal.reason)).toBe(true);
      expect(openStreams()).toBe(0);
      expect(abort.listeners()).toBe(0);
      await server.holds(0);
    },
  );

  it("does nothing at all when the signal has aborted before", async () => {
    const server = await fake();
    const reason = { word: "stop" };
    expect(await failure(client(server, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(server.sessions).toEqual([]);
  });

  it("keeps the refusal as its outcome when an abort comes while it frees its stream", async () => {
    const server = await fake();
    const abort = new AbortController();
    server.on("HELLO_REQUEST", (request) => request.refuse("no"));
    const seen: string[] = [];
    const slow = {
      ...network,
      dial: async (...args: Parameters<typeof network.dial>) => {
        const transport = await network.dial(...args);
        const destroy = transport.destroy.bind(transport);
        transport.destroy = (error) => {
          seen.push("destroyed");
          abort.abort(new Error("too late"));
          destroy(error);
        };
        return transport;
      },
    };
    const error = await failure(client(server, { network: slow, signal: abort.signal }));
    expect(seen).toEqual(["destroyed"]);
    expect(error).toBeInstanceOf(PeerError);
  });

  it("is taken back when the abort comes with the answer", async () => {
    const server = await fake();
    let rejected = 0;
    // As many microtasks later as it takes to get from the answer to the caller, one by one.
    for (let offset = 0; offset < 30; offset++) {
      const reason = new Error(`abort ${offset}`);
      const abort = new AbortController();
      const near = onData(() => microtasksLater(offset, () => abort.abort(reason)));
      const outcome = await client(server, { network: near, signal: abort.signal }).then(
        (connection) => ({ connection }),
        (error: unknown) => ({ error }),
      );
      if ("error" in outcome) {
        rejected++;
        expect(outcome.error).toBe(reason);
        expect(openStreams()).toBe(0);
      } else {
        // An abort after the success is none of its business.
        expect(outcome.connection.state).toBe("open");
        await partClean(outcome.connection);
      }
      await until(() => openStreams() === 0, { what: `no stream after offset ${offset}` });
    }
    expect(rejected).toBeGreaterThan(5);
    expect(rejected).toBeLessThan(25);
  });
});

describe("connect to a list of servers", () => {
  it("uses the first that answers, in order", async () => {
    const [refusing, answering, spare] = [await fake(), await fake(), await fake()];
    refusing.refuse("HELLO_REQUEST", "not here");
    const connection = await client([nowhere, refusing.url, answering.url, spare.url]);
    expect(refusing.of("HELLO_REQUEST")).toHaveLength(1);
    expect(answering.open).toHaveLength(1);
    expect(spare.sessions).toEqual([]);
    await partClean(connection);
  });

  it("names every server and every reason when none answers", async () => {
    const refusing = await fake();
    refusing.refuse("HELLO_REQUEST", "not here");
    const error = await failure(client([nowhere, refusing.url])) as ConnectError;
    expect(error).toBeInstanceOf(ConnectError);
    expect(error.message).toMatch(
      /^Cannot connect to any of 127\.0\.0\.1:9, 127\.0\.0\.1:\d+: .*ECONNREFUSED.*; Cannot connect .* status 1: not here$/,
    );
    const { errors } = error.cause as AggregateError;
    expect(errors.map((one: Error) => one.name)).toEqual(["ConnectError", "PeerError"]);
    expect(openStreams()).toBe(0);
  });

  it("leaves a silent server its share of the time", async () => {
    holdTime();
    const [silent, answering] = [await fake(), await fake()];
    silent.hold("HELLO_REQUEST");
    const connecting = client([silent, answering], { timeout: 4_000 });
    await silent.saw("HELLO_REQUEST");
    await pass(1_900);
    expect(answering.sessions).toEqual([]);
    await pass(300);
    const connection = await connecting;
    expect(answering.open).toHaveLength(1);
    await silent.holds(0);
    expect(connection.state).toBe("open");
  });

  it("subscribes where it publishes", async () => {
    const [refusing, answering] = [await fake(), await fake()];
    refusing.refuse("HELLO_REQUEST");
    const connection = await client([refusing, answering]);
    await connection.subscribe("orders");
    expect(refusing.of("HELLO_REQUEST")).toHaveLength(1);
    expect(answering.open).toHaveLength(2);
  });
});

describe("the events of a connection", () => {
  it("tell of a clean life nothing above info", async () => {
    const { connection } = await pair();
    const events = watch(connection);
    const subscription = await connection.subscribe("orders");
    await connection.publish("orders", "1");
    await subscription.goodbye();
    await partClean(connection);
    expect(events.map(({ level }) => level).filter((level) => level === "warn" || level === "error")).toEqual(
      [],
    );
    expect(events.at(-1)!.type).toBe("farewell");
    // The end of the last session is no reason to look for another.
    expect(events.map(({ type }) => type)).not.toContain("retry");
  });
});
