import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError } from "../../lib/errors.ts";
import type { MessageFate } from "../../lib/messaging/message.ts";
import type { StandardResult, StandardSchemaV1 } from "../../lib/messaging/mod.ts";
import { type Parcel, parcel, type ParcelOptions } from "./parcels.ts";

describe("DeliveredMessage: contents", () => {
  it("shows what the protocol brought", () => {
    const raw = { header: 1 };
    const message = parcel("7", { raw, redelivered: true });
    expect([message.topic, message.id, message.redelivered, message.wantsReply]).toEqual([
      "orders",
      "7",
      true,
      false,
    ]);
    expect(message.properties).toEqual({ key: "7" });
    expect(message.raw).toBe(raw);
  });

  it("decodes the payload when it is asked for, once", () => {
    let decoded = 0;
    const message = parcel("7", { payload: () => (decoded++, Uint8Array.of(0x68, 0x69)) });
    expect(decoded).toBe(0);
    expect(message.text()).toBe("hi");
    expect(message.data).toBe(message.data);
    expect(decoded).toBe(1);
  });

  it("shows text as UTF-8, broken bytes as replacement characters", () => {
    expect(receive({ text: "grün 🎉" }).message.text()).toBe("grün 🎉");
    const broken = parcel("7", { payload: () => Uint8Array.of(0x61, 0xff) });
    expect(broken.text()).toBe("a\ufffd");
  });

  it("parses JSON, and throws a SyntaxError for what is none", () => {
    expect(receive({ text: '{"a":[1]}' }).message.json()).toEqual({ a: [1] });
    expect(() => receive({ text: "{" }).message.json()).toThrow(SyntaxError);
  });

  it("checks JSON with a schema and hands out what that makes of it", () => {
    const length = schema((value) => ({ value: String(value).length }));
    expect(receive({ text: '"four"' }).message.json(length)).toBe(4);
  });

  it("throws a TypeError with the issues as its cause for what the schema refuses", () => {
    const issues = [{ message: "too short" }, { message: "too plain" }];
    const { message } = receive({ text: '"x"' });
    const error = thrownBy(() => message.json(schema(() => ({ issues }))));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toBe('Cannot read a message of "orders" as JSON: too short; too plain');
    expect((error as Error).cause).toBe(issues);
  });

  it("refuses an asynchronous schema, and looks after its rejection", async () => {
    const { message } = receive({ text: "1" });
    expect(() => message.json(schema(() => Promise.reject(new Error("later"))))).toThrow(TypeError);
    await Promise.resolve();
  });
});

describe("DeliveredMessage: ack", () => {
  it("tells the peer once", () => {
    const { message, fates } = receive();
    message.ack();
    message.ack();
    expect([message.acks, fates, message.fates]).toEqual([1, ["acked"], ["acked"]]);
    expect(message.settled).toBe(true);
  });

  it("is not sent when the connection that delivered it is gone: the message is returned", () => {
    const { message, fates } = receive({ gone: true });
    message.ack();
    expect([message.acks, fates]).toEqual([0, ["returned"]]);
  });

  it.each(["returned", "dropped"] as const)("does nothing for a message that was %s", (fate) => {
    const { message, fates } = receive();
    message.settle(fate);
    message.ack();
    message.settle("acked");
    expect([message.acks, fates, message.fates]).toEqual([0, [fate], [fate]]);
  });
});

describe("DeliveredMessage: respond", () => {
  it("sends the reply, which acknowledges", async () => {
    const { message, fates } = receive({ wantsReply: true });
    await message.respond("yes");
    expect([message.replies, fates, message.responded]).toEqual([["yes"], ["acked"], true]);
    message.ack();
    expect(message.acks).toBe(0);
  });

  it("still replies to a message that was acknowledged before", async () => {
    const { message, fates } = receive({ wantsReply: true });
    message.ack();
    await message.respond(Uint8Array.of(1));
    expect([message.acks, message.replies.length, fates]).toEqual([1, 1, ["acked"]]);
  });

  it.each([new Error("stop"), "stop", null, 0])(
    "rejects with the reason %s of an aborted signal, and sends nothing",
    async (reason) => {
      const { message, fates } = receive({ wantsReply: true });
      expect(await rejection(message.respond("yes", { signal: AbortSignal.abort(reason) }))).toBe(reason);
      expect([message.replies, fates]).toEqual([[], []]);
    },
  );

  it("rejects with a TypeError when nobody waits for a reply, for a second one, and for what is no data", async () => {
    const plain = receive();
    expect(await rejection(plain.message.respond("yes"))).toBeInstanceOf(TypeError);
    const { message } = receive({ wantsReply: true });
    for (const data of [undefined, null, 5, {}, [1]]) {
      expect(await rejection(message.respond(data as never))).toBeInstanceOf(TypeError);
    }
    await message.respond("once");
    expect(await rejection(message.respond("twice"))).toBeInstanceOf(TypeError);
    expect([message.replies, plain.message.replies]).toEqual([["once"], []]);
  });

  it("rejects with what the protocol says when the connection is gone, and may be tried again", async () => {
    const lost = new ConnectionLostError("gone", { outcome: "not-sent" });
    const { message, fates } = receive({ wantsReply: true, refuse: lost });
    expect(await rejection(message.respond("yes"))).toBe(lost);
    expect(await rejection(message.respond("yes"))).toBe(lost);
    expect([fates, message.responded]).toEqual([[], false]);
  });

  it.each(["returned", "dropped"] as const)(
    "rejects with a ClosedError for a message that was %s, and sends nothing",
    async (fate) => {
      const { message } = receive({ wantsReply: true });
      message.settle(fate);
      expect(await rejection(message.respond("late"))).toBeInstanceOf(ClosedError);
      expect(message.replies).toEqual([]);
    },
  );
});

/** A message that was handed out, and what its owner was told of it. */
function receive(options?: ParcelOptions): { message: Parcel; fates: MessageFate[] } {
  const message = parcel("7", options);
  const fates: MessageFate[] = [];
  message.owner = { fated: (_, fate) => void fates.push(fate), refusal: () => undefined };
  return { message, fates };
}

function schema<T>(
  validate: (value: unknown) => StandardResult<T> | Promise<StandardResult<T>>,
): StandardSchemaV1<unknown, T> {
  return { "~standard": { version: 1, vendor: "test", validate } };
}

function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.unreachable("nothing was thrown");
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}
