import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { type Place, places, rejection, watch } from "./kit.ts";

const gate = leakGate();
const place = places(gate);
const narrowPlace = places(gate, () => memoryNetwork({ highWaterMark: 256 }));

/** The server reads no more: what is written from now on fills the transport. */
function hold({ network }: Pick<Place, "network">): void {
  for (const transport of network.accepted) transport.pause();
}

function reset({ network }: Pick<Place, "network">): void {
  for (const transport of network.dialled) transport.reset();
}

async function gathered(replies: AsyncIterable<Message>): Promise<string[]> {
  const texts: string[] = [];
  for await (const reply of replies) texts.push(reply.text());
  return texts;
}

describe("a flush that waits for room", () => {
  it("tells of what was lost while it waited", async () => {
    const there = await narrowPlace();
    const connection = await there.connect();
    hold(there);
    for (const _ of [1, 2]) connection.publishUnconfirmed("orders", "x".repeat(1_000));
    await turns(5);
    const flushes = [rejection(connection.flush()), rejection(connection.flush())];
    await turns(5);
    reset(there);
    for (const error of await Promise.all(flushes) as ConnectionLostError[]) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error.outcome).toBe("unknown");
      expect(error.message).toContain("2 unconfirmed messages were lost");
    }
    connection.publishUnconfirmed("orders", "x");
    await connection.flush();
  });
});

describe("requestMany that waits for room", () => {
  it("asks after a reconnect", async () => {
    const { server, ...there } = await narrowPlace();
    const connection = await there.connect();
    hold(there);
    const first = rejection(connection.publish("orders", "x".repeat(1_000)));
    await turns(5);
    server.answers = () => "yes";
    const replies = gathered(connection.requestMany("workers", "x", { count: 1, timeout: 60_000 }));
    await turns(5);
    reset(there);
    expect(await first).toMatchObject({ outcome: "unknown" });
    expect(await replies).toEqual(["yes"]);
    const { messages, operations } = await connection.goodbye();
    expect(operations.aborted).toBe(0);
    expect(messages).toMatchObject({ published: 2, confirmed: 1, unconfirmed: 1 });
  });

  it("was not sent when the connection ends, and what was sent has an error of its own", async () => {
    const there = await narrowPlace();
    const connection = await there.connect();
    const written = [1, 2].map(() => rejection(gathered(connection.requestMany("workers", "x".repeat(300)))));
    hold(there);
    await turns(5);
    const waiting = [1, 2].map(() => rejection(gathered(connection.requestMany("workers", "x"))));
    await turns(5);
    await connection.goodbye({ grace: 0 });
    const errors = await Promise.all([...written, ...waiting]) as ClosedError[];
    for (const error of errors) expect(error).toBeInstanceOf(ClosedError);
    expect(errors.map(({ outcome }) => outcome)).toEqual(["unknown", "unknown", "not-sent", "not-sent"]);
    expect(new Set(errors).size).toBe(4);
  });
});

describe("requestMany that was sent", () => {
  it("has an error of its own for a loss, and shares the cause", async () => {
    const there = await place();
    const connection = await there.connect();
    const all = ["a", "b"].map((topic) => rejection(gathered(connection.requestMany(topic, "x"))));
    await connection.flush();
    reset(there);
    const errors = await Promise.all(all) as ConnectionLostError[];
    expect(errors.map(({ message }) => message)).toEqual([
      'Cannot request answers of "a": the connection was lost',
      'Cannot request answers of "b": the connection was lost',
    ]);
    expect(errors.map(({ code, outcome }) => [code, outcome])).toEqual(
      Array(2).fill(["ERR_CONNECTION_LOST", "unknown"]),
    );
    expect(errors[0]!.cause).toBeInstanceOf(ConnectionLostError);
    expect(errors[0]!.cause).toBe(errors[1]!.cause);
  });

  it.each(["nobody answers", "the count is reached", "the loop is left"])(
    "is confirmed, and no abort, where %s before the confirmation",
    async (how) => {
      const { server, ...there } = await place();
      if (how === "nobody answers") server.noResponders = true;
      else server.answers = () => "yes";
      const connection = await there.connect();
      server.late = "publish";
      const count = how === "the count is reached" ? 1 : Infinity;
      const replies = connection.requestMany("workers", "x", { count, timeout: 60_000 });
      if (how === "nobody answers") expect(await rejection(replies.next())).toMatchObject({ status: 503 });
      else expect((await replies.next()).value!.text()).toBe("yes");
      await replies.return!();
      await until(() => server.asked > 0);
      server.late = undefined;
      server.answer();
      const { messages, operations } = await connection.goodbye();
      expect(operations.aborted).toBe(0);
      expect(messages).toMatchObject({ published: 1, confirmed: 1, unconfirmed: 0 });
    },
  );
});

describe("a transport that is full as soon as it is there", () => {
  it("gets no requests on top of what is published again", async () => {
    const { server, ...there } = await narrowPlace();
    const connection = await there.connect();
    server.late = "publish";
    const again = rejection(connection.publish("orders", "x".repeat(100_000), { retry: "unknown" }));
    await until(() => server.asked > 0);
    server.onConnect = () => hold(there);
    reset(there);
    await until(() => connection.state === "reconnecting");
    const request = rejection(connection.request("workers", "x"));
    await until(() => connection.epoch === 2);
    await turns(5);
    await connection.goodbye({ grace: 0 });
    expect(await again).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown" });
    expect(await request).toMatchObject({ code: "ERR_CLOSED", outcome: "not-sent" });
  });
});

describe("a server that says no more seldom than messages were sent", () => {
  it("is heard again behind the confirmation of them", async () => {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const events = watch(connection);
    const faults = (): number => events.filter(({ type }) => type === "fault").length;
    const deny = (): void =>
      server.sessions[0]!.send(`-ERR 'Permissions Violation for Publish to "secrets"'\r\n`);
    server.deaf = true;
    server.late = "publish";
    for (const _ of [1, 2, 3]) connection.publishUnconfirmed("secrets", "x");
    await until(() => server.asked > 0);
    deny();
    await until(() => faults() === 1);
    server.late = undefined;
    server.answer();
    await connection.ping();
    // That of a message of the raw connection, for example: nobody else would be told.
    deny();
    await connection.ping();
    await until(() => faults() === 2);
  });
});
