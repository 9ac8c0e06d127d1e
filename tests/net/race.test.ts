import { createServer, type Server, Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Attempt, raceAttempts, type RaceOutcome } from "../../lib/net/race.ts";
import { Registry } from "../../lib/net/registry.ts";
import { alternate, resolveHost } from "../../lib/net/resolve.ts";
import { socketTransport } from "../../lib/net/socket.ts";
import { abortListeners } from "../contracts/transport_kit.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";

leakGate();

describe("race of addresses", () => {
  let server: Server;
  let port = 0;
  let opened: string[] = [];
  const registry = new Registry();
  const nothing = { sockets: 0, listeners: 0, timers: 0 };

  beforeEach(async () => {
    opened = [];
    server = createServer((socket) => void socket.on("error", () => {}).resume());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => void server.close());

  const good: Attempt = attempt("good", (socket) => socket.connect(port, "127.0.0.1"));
  /** Never told to connect: as quiet as an address that swallows every packet. */
  const silent: Attempt = attempt("silent", (socket) => socket);
  const broken: Attempt = attempt("broken", (socket) => socket.destroy(new Error(`broken ${opened.length}`)));
  const thrower: Attempt = attempt("thrower", () => {
    throw new Error("thrown by open");
  });

  function attempt(name: string, open: (socket: Socket) => Socket): Attempt {
    return {
      ready: "connect",
      open() {
        opened.push(name);
        return open(new Socket());
      },
    };
  }

  function race(attempts: Attempt[], signal?: AbortSignal): Promise<RaceOutcome> {
    const take = (socket: Socket) =>
      socketTransport(socket, "remote", { kind: "tcp", local: "local", highWaterMark: 1 });
    return raceAttempts(attempts, { signal, registry, take });
  }

  async function close(outcome: RaceOutcome): Promise<void> {
    expect(outcome).toHaveProperty("transport");
    if (!("transport" in outcome)) return;
    expect(registry.open()).toEqual({ ...nothing, sockets: 1 });
    outcome.transport.destroy();
    await outcome.transport.closed;
    expect(registry.open()).toEqual(nothing);
  }

  it("goes on at once when an address fails", async () => {
    const start = performance.now();
    await close(await race([broken, thrower, good]));
    expect(performance.now() - start).toBeLessThan(240);
    expect(opened).toEqual(["broken", "thrower", "good"]);
  });

  it("goes on after a while when an address is silent, and closes that one", async () => {
    const outcome = await race([silent, good, broken]);
    await close(outcome);
    expect(opened).toEqual(["silent", "good"]);
  });

  it("waits for a silent address when all others have failed", async () => {
    const controller = new AbortController();
    const outcome = race([silent, broken], controller.signal);
    await until(() => opened.length === 2);
    await turns(3);
    expect(registry.open()).toEqual({ ...nothing, sockets: 1 });
    controller.abort(null);
    expect(await outcome).toEqual({ reason: null });
    expect(registry.open()).toEqual(nothing);
  });

  it("fails with the errors of all addresses", async () => {
    const outcome = await race([broken, thrower, broken]);
    expect(outcome).toHaveProperty("errors");
    const messages = "errors" in outcome ? outcome.errors.map((error) => error.message) : [];
    expect(messages).toEqual(["broken 1", "thrown by open", "broken 3"]);
    expect(registry.open()).toEqual(nothing);
  });

  it("leaves no timer when it is aborted between two addresses", async () => {
    const controller = new AbortController();
    const outcome = race([silent, good], controller.signal);
    expect(registry.open()).toEqual({ sockets: 1, listeners: 0, timers: 1 });
    controller.abort("enough");
    expect(registry.open().timers).toBe(0);
    expect(await outcome).toEqual({ reason: "enough" });
    expect(registry.open()).toEqual(nothing);
    await turns(1);
    expect(abortListeners(controller.signal)).toBe(0);
    expect(opened).toEqual(["silent"]);
  });
});

describe("addresses of a host", () => {
  it("alternate between the families, the resolver's first one first", () => {
    const found = [
      { address: "::1", family: 6 },
      { address: "::2", family: 6 },
      { address: "10.0.0.1", family: 4 },
      { address: "::3", family: 6 },
    ];
    expect(alternate(found)).toEqual(["::1", "10.0.0.1", "::2", "::3"]);
    expect(alternate([])).toEqual([]);
  });

  it("are the address itself, or what the system knows, or an error", async () => {
    expect(await resolveHost("::1")).toEqual({ addresses: ["::1"] });
    const local = await resolveHost("localhost");
    expect("addresses" in local ? local.addresses : []).toContain("127.0.0.1");
    expect(await resolveHost("not a host")).toMatchObject({ error: { code: "ENOTFOUND" } });
  });
});
