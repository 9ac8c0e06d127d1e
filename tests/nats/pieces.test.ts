import { describe, expect, it } from "vitest";
import type { NatsConnection as RawConnection } from "@nats-io/nats-core";
import { MessageTooLargeError } from "../../lib/errors.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { type Counted, memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";
import type { FakeSession } from "./session.ts";

const gate = leakGate();
const encoder = new TextEncoder();
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const sizes = [1, 2, 3, 7, 50, Infinity];

/** A network whose clients get what the server writes in pieces of a size. */
function piecesOf(size: number): Network & Counted {
  const inner = memoryNetwork();
  return {
    open: () => inner.open(),
    listen: (target, handler, options) => inner.listen(target, handler, options),
    async dial(target, options) {
      const transport = await inner.dial(target, options);
      const start = transport.start.bind(transport);
      transport.start = (handler) =>
        start({
          end: () => handler.end(),
          drain: () => handler.drain(),
          data(chunk) {
            for (let at = 0; at < chunk.byteLength; at += size) handler.data(chunk.slice(at, at + size));
          },
        });
      return transport;
    },
  };
}

describe.each(sizes)("a stream that comes in pieces of %s bytes", (size) => {
  const place = places(gate, () => piecesOf(size));

  it("brings messages as they were sent, with all that the official client knows of them", async () => {
    const there = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("orders.*", { overflow: "drop-oldest" });
    const messages: Message[] = [];
    void subscription.consume((message) => void messages.push(message));
    const texts = ["", "x", "\r\n", "MSG orders.1 1 2\r\nhi\r\n", "größe", "y".repeat(100)];
    for (const [i, text] of texts.entries()) {
      await connection.publish(
        `orders.${i}`,
        text,
        i % 2 === 0 ? {} : { id: `${i}`, properties: { kind: "test" } },
      );
    }
    await until(() => messages.length === texts.length);
    for (const [i, message] of messages.entries()) {
      const raw = message.raw as {
        subject: string;
        sid: number;
        data: Uint8Array;
        reply?: string;
        string(): string;
      };
      expect(message.text()).toBe(texts[i]);
      expect(message.topic).toBe(`orders.${i}`);
      expect(message.id).toBe(i % 2 === 0 ? "" : `${i}`);
      expect(message.properties["kind"]).toBe(i % 2 === 0 ? undefined : "test");
      expect(message.wantsReply).toBe(false);
      expect([raw.subject, raw.sid, raw.string(), raw.reply]).toEqual([`orders.${i}`, 1, texts[i], ""]);
    }
    expect(messages[0]!.raw).toBe(messages[0]!.raw);
  });

  it("brings requests and replies to each other, and is counted", async () => {
    const there = await place();
    const [asking, answering] = [await there.connect(), await there.connect()];
    const subscription = await answering.subscribe("questions.*", { overflow: "drop-oldest" });
    void subscription.consume((message) => `${message.text()}!${message.topic.at(-1)}`, { concurrency: 3 });
    const wanted = range(40).map((i) => "?".repeat(i));
    const replies = await Promise.all(
      wanted.map((text, i) =>
        asking.request(`questions.${i % 3}`, text, i % 5 === 0 ? { properties: { kind: "test" } } : {})
      ),
    );
    expect(replies.map((reply) => reply.text())).toEqual(wanted.map((text, i) => `${text}!${i % 3}`));
    expect(replies.every((reply) => reply.topic.startsWith("_INBOX.") && !reply.wantsReply)).toBe(true);
    const bytes = wanted.reduce((sum, { length }) => sum + length + 2, 0);
    expect((asking.raw as RawConnection).stats()).toMatchObject({ inMsgs: 40, inBytes: bytes });
    const { messages } = await asking.goodbye();
    expect(messages).toMatchObject({ published: 40, confirmed: 40 });
  });

  it("tells who asks where nobody is", async () => {
    const { server, ...there } = await place();
    server.noResponders = true;
    const connection = await there.connect();
    expect(await rejection(connection.request("nowhere", "x"))).toMatchObject({
      name: "PeerError",
      status: 503,
    });
    await connection.ping();
    expect(connection.epoch).toBe(1);
  });
});

describe("a reply", () => {
  const place = places(gate);

  async function asked(reply: string): Promise<{ message: Message; session: FakeSession }> {
    const { server, ...there } = await place();
    const connection = await there.connect();
    const subscription = await connection.subscribe("questions", { overflow: "drop-oldest" });
    const messages: Message[] = [];
    void subscription.consume(async (message) => {
      messages.push(message);
      await until(() => subscription.signal.aborted);
    });
    const [session] = server.sessions as [FakeSession];
    session.deliver("questions", 1, reply, undefined, encoder.encode("x"));
    await until(() => messages.length === 1);
    return { message: messages[0]!, session };
  }

  it.each(["a.*", ">", "a..b", ".a", "a.", "a.>"])(
    "to %s is refused, and nothing is written",
    async (reply) => {
      const { message, session } = await asked(reply);
      expect(message.wantsReply).toBe(true);
      expect(await rejection(message.respond("y"))).toBeInstanceOf(TypeError);
      expect(session.commands.filter((line) => line.startsWith("PUB"))).toEqual([]);
    },
  );

  it.each(["a", "größe.1", "a.*b", "a.b>"])("to %s is written", async (reply) => {
    const { message, session } = await asked(reply);
    await message.respond("größe");
    await until(() => session.commands.includes(`PUB ${reply} 7`));
  });

  it("that is too large is refused, and nothing is written", async () => {
    const { message, session } = await asked("a");
    const error = await rejection(message.respond(new Uint8Array(1_048_577)));
    expect(error).toBeInstanceOf(MessageTooLargeError);
    await message.respond(new Uint8Array(1_048_576));
    await until(() => session.commands.includes("PUB a 1048576"));
  });
});
