import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError, PeerError, TimeoutError } from "../../../lib/errors.ts";
import { countedAbort } from "../../support/signals.ts";
import { turns } from "../../support/until.ts";
import { client, clientGate, failure, fake, holdTime, pair, partClean, pass } from "./kit.ts";

clientGate();

describe("ping", () => {
  it("resolves with the milliseconds until the answer to this very heartbeat", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("HEARTBEAT_REQUEST");
    const ping = connection.ping();
    await pass(100);
    // Other signs of life are none of this.
    await connection.publish("orders", "x");
    await pass(100);
    server.release("HEARTBEAT_REQUEST");
    expect(await ping).toBeGreaterThanOrEqual(200);
    expect(server.of("HEARTBEAT_REQUEST")).toHaveLength(1);
    expect((await partClean(connection)).operations.settled).toBe(2);
  });

  it("is not settled by the answer to a heartbeat of the connection itself, nor the other way round", async () => {
    holdTime();
    const { server, connection } = await pair({ heartbeat: 1_000 });
    await pass(1_100);
    expect(await Promise.all([connection.ping(), connection.ping()])).toHaveLength(2);
    await pass(5_000);
    expect(server.of("HEARTBEAT_REQUEST")).toHaveLength(8);
    expect(server.sessions).toHaveLength(1);
    await partClean(connection);
  });

  it("gives up after its timeout, five seconds unless it is told otherwise", async () => {
    holdTime();
    const { server, connection } = await pair();
    server.hold("HEARTBEAT_REQUEST");
    for (const [options, timeout] of [[{}, 5_000], [{ timeout: 300 }, 300]] as const) {
      const ping = failure(connection.ping(options));
      await pass(timeout + 100);
      const error = await ping as TimeoutError;
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ timeout, outcome: "unknown" });
      expect(error.message).toBe(`Cannot ping the server: no reply within ${timeout} ms`);
    }
  });

  it("rejects with the reason of its signal, and takes the listener off", async () => {
    const { server, connection } = await pair();
    server.hold("HEARTBEAT_REQUEST");
    const abort = countedAbort();
    const ping = failure(connection.ping({ signal: abort.signal }));
    await turns(3);
    abort.abort(null);
    expect(await ping).toBe(null);
    expect(await failure(connection.ping({ signal: abort.signal }))).toBe(null);
    expect(abort.listeners()).toBe(0);
    expect(server.of("HEARTBEAT_REQUEST")).toHaveLength(1);
  });

  it("tells when the server does not know us any longer", async () => {
    const { server, connection } = await pair();
    server.refuse("HEARTBEAT_REQUEST", "who are you?");
    const error = await failure(connection.ping()) as PeerError;
    expect(error).toBeInstanceOf(PeerError);
    expect(error.message).toContain("Cannot ping the server");
  });

  it("rejects with the loss of the connection, and at once while there is none", async () => {
    const { server, connection } = await pair({ reconnect: { min: 60_000, jitter: 0 } });
    server.hold("HEARTBEAT_REQUEST");
    const ping = failure(connection.ping());
    await turns(3);
    server.last("pub").transport.reset();
    expect(await ping).toMatchObject({ outcome: "unknown" });
    expect(await ping).toBeInstanceOf(ConnectionLostError);
    const offline = await failure(connection.ping()) as ConnectionLostError;
    expect(offline).toBeInstanceOf(ConnectionLostError);
    expect(offline).toMatchObject({ outcome: "not-sent" });
  });

  it("waits for the next server while the connection moves there", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client(one);
    other.hold("HELLO_REQUEST");
    one.last("pub").redirect(other);
    await other.saw("HELLO_REQUEST");
    const ping = connection.ping();
    await turns(3);
    other.release("HELLO_REQUEST");
    expect(await ping).toBeGreaterThanOrEqual(0);
    expect([one, other].map((server) => server.of("HEARTBEAT_REQUEST").length)).toEqual([0, 1]);
    await partClean(connection);
  });

  it("is refused by a connection that has ended, and is waited for by one that ends", async () => {
    const { server, connection } = await pair();
    server.hold("HEARTBEAT_REQUEST");
    const ping = connection.ping();
    await turns(3);
    const ending = connection.goodbye();
    await turns(3);
    server.release("HEARTBEAT_REQUEST");
    expect(await ping).toBeGreaterThanOrEqual(0);
    expect((await ending).outcome).toBe("clean");
    expect(await failure(connection.ping())).toBeInstanceOf(ClosedError);
  });
});
