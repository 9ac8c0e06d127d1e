import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import type { MessageCounts } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { dataOf } from "../support/wire_client.ts";
import { SUCCESS, useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();
const closing =
  "java.lang.Exception: this eventMesh tcp session will be closed, may be reboot or version change!";

function balances(
  { published, confirmed, rejected, unconfirmed, received, acked, returned, dropped }: MessageCounts,
): void {
  expect(published).toBe(confirmed + rejected + unconfirmed);
  expect(received).toBe(acked + returned + dropped);
}

describe("the goodbye of a broker", () => {
  it("tells every session, waits for its answer, and ends clean with a ledger that balances", async () => {
    await mesh.start();
    const clients = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    const farewell = mesh.broker.goodbye({ reason: "enough" });
    for (const client of clients) {
      const goodbye = await client.expect("SERVER_GOODBYE_REQUEST");
      expect(goodbye).toMatchObject({
        seq: undefined,
        code: 0,
        description: "graceful normal quit from eventmesh",
      });
      expect(client.ended).toBe(false);
      client.send({ cmd: "SERVER_GOODBYE_RESPONSE" });
      await client.untilEnded();
      await client.end();
    }
    const { connections, messages, outcome, reason, residue } = await farewell;
    expect({ outcome, reason, residue }).toEqual({
      outcome: "clean",
      reason: "enough",
      residue: { sockets: 0, timers: 0, listeners: 0 },
    });
    expect(connections).toMatchObject({ opened: 2, clean: 2 });
    balances(messages);
  });

  it("answers the goodbye of a client that says it in return", async () => {
    await mesh.start();
    const client = await mesh.subscriber("g", "t");
    const farewell = mesh.broker.goodbye();
    await client.expect("SERVER_GOODBYE_REQUEST");
    expect(await client.request("CLIENT_GOODBYE_REQUEST")).toMatchObject({
      command: "CLIENT_GOODBYE_RESPONSE",
      ...SUCCESS,
    });
    await client.end();
    expect((await farewell).outcome).toBe("clean");
  });

  it("ends sessions that do not answer, in bounded time", async () => {
    await mesh.start();
    const client = await mesh.subscriber("g", "t");
    const farewell = await mesh.broker.goodbye({ grace: 200 });
    expect(farewell.outcome).toBe("forced");
    await client.untilEnded();
    expect(client.inbox.map(({ name }) => name)).toContain("SERVER_GOODBYE_REQUEST");
  });

  it("refuses publishes and requests, pushes nothing more, and waits for what was pushed", async () => {
    await mesh.start({ limits: { unackedPerSession: 1 } });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (const text of ["one", "two"]) await publisher.publish("t", text);
    const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
    const farewell = mesh.broker.goodbye();
    await until(() => mesh.broker.state === "draining");
    expect(await publisher.publish("t", "three")).toMatchObject({ code: 1, description: closing });
    expect(await publisher.message("REQUEST_TO_SERVER", "t", "four")).toMatchObject({
      code: 1,
      description: closing,
    });
    expect(await client.subscribe(["other"])).toMatchObject({ code: 1, description: closing });
    client.ack(push);
    for (const one of [client, publisher]) {
      await one.expect("SERVER_GOODBYE_REQUEST");
      await one.goodbye();
    }
    expect(client.inbox).toEqual([]);
    const { messages, outcome } = await farewell;
    expect(outcome).toBe("clean");
    expect(messages).toMatchObject({
      published: 4,
      confirmed: 2,
      rejected: 2,
      received: 2,
      acked: 1,
      dropped: 1,
    });
    balances(messages);
  });

  it("lets requests that a responder has got be answered, and refuses the others at once", async () => {
    await mesh.start();
    const responder = await mesh.subscriber("g", { topic: "t", type: "SYNC" });
    const requester = await mesh.publisher();
    const begun = requester.message("REQUEST_TO_SERVER", "t", "question", { properties: { ttl: "60000" } });
    const waiting = requester.message("REQUEST_TO_SERVER", "nobody", "question", {
      properties: { ttl: "60000" },
    });
    const push = await responder.expect("REQUEST_TO_CLIENT");
    responder.ack(push);
    await requester.settled();
    const farewell = mesh.broker.goodbye();
    expect(await waiting).toMatchObject({ code: 1, description: closing });
    expect(responder.inbox).toEqual([]);
    responder.respond(push, "answer");
    expect(dataOf(await begun)).toBe("answer");
    for (const client of [responder, requester]) {
      await client.expect("SERVER_GOODBYE_REQUEST");
      await client.goodbye();
    }
    const { messages, outcome } = await farewell;
    expect(outcome).toBe("clean");
    expect(messages).toMatchObject({ published: 2, confirmed: 1, rejected: 1, acked: 1 });
  });

  it("refuses what is still unanswered when the time to drain is over, and counts what was never acknowledged", async () => {
    await mesh.start();
    const responder = await mesh.subscriber("g", { topic: "t", type: "SYNC" });
    const requester = await mesh.publisher();
    const answer = requester.message("REQUEST_TO_SERVER", "t", "question", { properties: { ttl: "60000" } });
    await responder.expect("REQUEST_TO_CLIENT");
    const farewell = mesh.broker.goodbye({ grace: 400 });
    expect(await answer).toMatchObject({ code: 1, description: closing });
    for (const client of [responder, requester]) {
      await client.expect("SERVER_GOODBYE_REQUEST");
      await client.goodbye();
    }
    const { messages, outcome } = await farewell;
    expect(outcome).toBe("forced");
    expect(messages).toMatchObject({ published: 1, rejected: 1, received: 1, dropped: 1 });
    balances(messages);
  });

  it("counts what it holds as dropped, and unacknowledged messages as returned before", async () => {
    await mesh.start({ limits: { unackedPerSession: 2 } });
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (const text of ["1", "2", "3"]) await publisher.publish("t", text);
    await client.settled();
    const { messages } = await mesh.broker.goodbye({ grace: 0 });
    expect(messages).toMatchObject({
      published: 3,
      confirmed: 3,
      received: 5,
      acked: 0,
      returned: 2,
      dropped: 3,
    });
  });

  it("is welcome to new clients while it is announced, and to none afterwards", async () => {
    await mesh.start({ announce: 600 });
    const farewell = mesh.broker.goodbye();
    const late = await mesh.subscriber("g", "t");
    expect(await (await mesh.publisher()).publish("t", "hello")).toMatchObject(SUCCESS);
    late.ack(await late.expect("ASYNC_MESSAGE_TO_CLIENT"));
    await late.expect("SERVER_GOODBYE_REQUEST");
    await expect(mesh.connect()).rejects.toMatchObject({ code: "ERR_CONNECT" });
    await late.goodbye();
    await mesh.broker.goodbye({ grace: 100 });
    expect((await farewell).messages).toMatchObject({ confirmed: 1, acked: 1 });
  });

  it("refuses a hello that comes too late", async () => {
    await mesh.start();
    const [silent, busy] = [await mesh.connect(), await mesh.subscriber("g", "t")];
    await (await mesh.publisher()).publish("t", "hello");
    await busy.settled();
    const farewell = mesh.broker.goodbye({ grace: 300 });
    await until(() => mesh.broker.state === "draining");
    expect(await silent.hello()).toMatchObject({
      code: 1,
      description: "java.lang.Exception: server state is not running, maybe deploying...",
    });
    await farewell;
  });

  it("waits for no hello that never comes", async () => {
    await mesh.start();
    const silent = await mesh.connect();
    const farewell = mesh.broker.goodbye();
    await silent.untilEnded();
    await silent.end();
    expect((await farewell).outcome).toBe("clean");
    expect(silent.inbox).toEqual([]);
  });

  it("begins with the abort of its signal, and carries its reason", async () => {
    const abort = countedAbort();
    const broker = await mesh.start({ signal: abort.signal });
    const client = await mesh.open();
    const reason = { why: "enough" };
    abort.abort(reason);
    expect(broker.draining.reason).toBe(reason);
    await client.expect("SERVER_GOODBYE_REQUEST");
    await client.end();
    expect(await broker.closed).toMatchObject({ cause: "aborted", outcome: "clean" });
    expect((await broker.closed).reason).toBe(reason);
    expect(abort.listeners()).toBe(0);
  });
});

describe("the start of a broker", () => {
  it("rejects with the reason of a signal that has aborted, and does nothing", async () => {
    const network = memoryNetwork();
    const reason = null;
    await expect(startBroker({ network, port: 0, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(network.open()).toMatchObject({ sockets: 0, listeners: 0 });
  });

  it("rejects with the reason of an abort on the way, and leaves nothing", async () => {
    const network = memoryNetwork();
    const abort = countedAbort();
    const starting = startBroker({ network, port: 0, signal: abort.signal });
    abort.abort("no more");
    await expect(starting).rejects.toBe("no more");
    expect(network.open()).toMatchObject({ sockets: 0, listeners: 0 });
    expect(abort.listeners()).toBe(0);
  });

  it("rejects with a ConnectError when its address is taken", async () => {
    const network = memoryNetwork();
    const first = await startBroker({ network, port: 10_000 });
    await expect(startBroker({ network, port: 10_000 })).rejects.toMatchObject({ code: "ERR_CONNECT" });
    await first.goodbye();
  });
});
