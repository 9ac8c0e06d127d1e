import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError } from "../../lib/errors.ts";
import type { NatsConnection, NatsStreamPublishOptions } from "../../lib/nats/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection, virtualClock } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const stored = `{"stream":"ORDERS","seq":7}`;
const refusal = `{"error":{"code":503,"err_code":10077,"description":"maximum messages exceeded"}}`;
const busy = `{"error":{"code":429,"err_code":10167,"description":"too many requests"}}`;

/** A stream that gives these answers, one after the other, and then none. */
async function stream(
  connection: NatsConnection,
  answers: readonly (string | undefined)[],
): Promise<unknown[]> {
  const taken: unknown[] = [];
  const subscription = await connection.subscribe("orders", { overflow: "drop-oldest" });
  void subscription.consume((message) => answers[taken.push(message.id) - 1]);
  return taken;
}

describe("publishToStream that takes several attempts", () => {
  it.each<[string, (string | undefined)[], NatsStreamPublishOptions, object]>([
    ["stored with the second", [undefined, stored], {}, { confirmed: 1 }],
    ["stored after a refusal that passes", [undefined, busy, stored], {}, { confirmed: 1 }],
    ["refused by the second", [undefined, refusal], {}, { unconfirmed: 1 }],
    ["refused by the first", [refusal], {}, { rejected: 1 }],
    ["without any answer", [], { timeout: 12_000 }, { unconfirmed: 1 }],
    ["refused by the last before its time is over", [undefined, busy], { timeout: 5_005 }, {
      unconfirmed: 1,
    }],
    ["without an answer to the only one", [], { retry: "never" }, { unconfirmed: 1 }],
  ])("is one message in the Farewell: %s", async (_what, answers, options, counted) => {
    const clock = virtualClock();
    const there = await place();
    const connection = await there.connect();
    const taken = await stream(await there.connect(), answers);
    await clock.until(connection.publishToStream("orders", "x", options).catch(() => {}));
    expect(taken.length).toBeGreaterThanOrEqual(answers.length);
    const { messages } = await clock.until(connection.goodbye());
    expect(messages).toMatchObject({ published: 1, confirmed: 0, rejected: 0, unconfirmed: 0, ...counted });
  });

  it("is one message that is unconfirmed, when the connection does not come back", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    server.deaf = true;
    const lost = rejection(connection.publishToStream("orders", "x", { timeout: 200 }));
    const never = rejection(connection.publishToStream("orders", "x", { signal: AbortSignal.timeout(100) }));
    await until(() => server.sessions[0]!.commands.filter((line) => line.startsWith("HPUB ")).length === 2);
    for (const transport of network.dialled) transport.reset();
    expect(await lost).toMatchObject({ code: "ERR_TIMEOUT", outcome: "unknown" });
    await never;
    const { messages } = await connection.goodbye({ grace: 100 });
    expect(messages).toMatchObject({ published: 2, confirmed: 0, rejected: 0, unconfirmed: 2 });
  });

  it("is no message that was not sent", async () => {
    const { network, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    for (const transport of network.dialled) transport.reset();
    await until(() => connection.state === "reconnecting");
    await rejection(connection.publishToStream("orders", "x", { timeout: 30 }));
    expect((await connection.goodbye({ grace: 100 })).messages.published).toBe(0);
  });
});

describe("a user who may not subscribe to replies", () => {
  it("learns that a stream may have the message, which is not sent again", async () => {
    const { server, ...there } = await place();
    Object.assign(server.deniedSubscribes, { has: (subject: string) => subject.startsWith("_INBOX.") });
    const connection = await there.connect();
    const error = await rejection(connection.publishToStream("orders", "x")) as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
    expect(error.message).toContain(
      'Cannot publish to the stream of "orders": it was sent and got no answer',
    );
    expect(error.cause).toBeInstanceOf(PeerError);
    const { commands } = server.sessions[0]!;
    expect(commands.filter((line) => line.startsWith("HPUB orders ")).length).toBe(1);
    // A request is one for its answer: that the server lets none through refuses it.
    expect(await rejection(connection.request("orders", "x"))).toBeInstanceOf(PeerError);
    const { messages } = await connection.goodbye();
    expect(messages).toMatchObject({ published: 2, confirmed: 0, rejected: 1, unconfirmed: 1 });
  });
});
