import { expect, it } from "vitest";
import type { EventMeshHeader } from "../../lib/eventmesh/mod.ts";
import type { Message } from "../../lib/messaging/mod.ts";
import { until } from "../support/until.ts";
import { gather, gathered } from "./runtime_load.ts";
import { strayAcks, unacknowledged } from "./runtime_tap.ts";
import { freshName, type protocols, type World } from "./runtime_world.ts";

/** Messages through a runtime, written in one of the protocols. */
export function messages(world: () => World, protocol: typeof protocols[number]): void {
  it("delivers what was published as it was published", async () => {
    const client = await world().connect({ protocol });
    const { connection } = client;
    const topic = freshName("topic");
    const got: Message[] = [];
    void (await connection.subscribe(topic)).consume((message) => void got.push(message));
    for (const data of contents) await connection.publish(topic, data);
    const options = {
      id: "order-7",
      properties: { a: "1", customer7: 'x \u{1f600} "y"' },
      contentType: "text/x",
    };
    await connection.publish(topic, "with all", options);
    await until(() => got.length === contents.length + 1);
    const same = protocol === "cloudevents" ? rewritten : hex;
    expect(got.map(({ data }) => same(data))).toEqual([...contents, "with all"].map(same));
    const last = got.at(-1)!;
    expect(last).toMatchObject({ topic, id: "order-7", wantsReply: false, redelivered: false });
    expect(last.properties).toMatchObject({ a: "1", customer7: 'x \u{1f600} "y"' });
    const raw = last.raw as EventMeshHeader;
    expect(raw).toMatchObject({
      command: "ASYNC_MESSAGE_TO_CLIENT",
      code: 0,
      protocol,
      contentType: "text/x",
    });
    const { messages } = await client.leave();
    expect(messages).toMatchObject({ published: got.length, confirmed: got.length, acked: got.length });
  });

  it("shares messages among the members of a group, and acknowledges each where it came from", async () => {
    const client = await world().connect({ protocol });
    const topic = freshName("topic");
    const lists = [];
    for (let i = 0; i < 3; i++) lists.push(gather(await client.connection.subscribe(topic)));
    const wanted = Array.from({ length: 300 }, (_, i) => `message ${i}`);
    await Promise.all(wanted.map((text) => client.connection.publish(topic, text)));
    await gathered(lists, wanted);
    for (const list of lists) expect(list.length).toBeGreaterThan(0);
    await client.leave();
    for (const stream of client.network.streams) {
      expect(unacknowledged(stream)).toEqual([]);
      expect(strayAcks(stream)).toEqual([]);
    }
  });

  it("gives a broadcast to every member of a group", async () => {
    const client = await world().connect({ protocol });
    const topic = freshName("topic");
    const lists = [];
    for (let i = 0; i < 3; i++) {
      lists.push(gather(await client.connection.subscribe(topic, { mode: "broadcasting" })));
    }
    const wanted = Array.from({ length: 50 }, (_, i) => `message ${i}`);
    await Promise.all(wanted.map((text) => client.connection.broadcast(topic, text)));
    for (const list of lists) await gathered([list], wanted);
    const { messages } = await client.leave();
    expect(messages).toMatchObject({ confirmed: 50, received: 150, acked: 150 });
    for (const stream of client.network.streams) expect(unacknowledged(stream)).toEqual([]);
  });

  it("confirms each of many publishes that overlap, and loses none", async () => {
    const client = await world().connect({ protocol });
    const topic = freshName("topic");
    const texts = gather(await client.connection.subscribe(topic, { capacity: 10_000 }));
    const wanted = Array.from({ length: 1_500 }, (_, i) => `message ${i}`);
    await Promise.all(wanted.map((text) => client.connection.publish(topic, text)));
    await gathered([texts], wanted);
    const { messages } = await client.leave();
    expect(messages).toMatchObject({ published: 1_500, confirmed: 1_500, acked: 1_500 });
  });
}

const contents: readonly (string | Uint8Array)[] = [
  "hello",
  "",
  '{"a": 1, "b": [true, null]}',
  " a text with space around \n\t",
  'quotes " and \\ backslashes \u0000',
  "\u00e4\u00f6\u00fc \u{1f600} \u2028",
  "42",
  "1.0e3",
  new Uint8Array([0, 255, 128, 10]),
  new Uint8Array(0),
  "x".repeat(100_000),
];

/** The runtime parses data that is JSON in a CloudEvent, and writes it anew: the value is the same. */
function rewritten(data: string | Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(data).toString());
  } catch {
    return hex(data);
  }
}

function hex(data: string | Uint8Array): string {
  const text = Buffer.from(data).toString("hex");
  return text.length > 100 ? `${text.slice(0, 100)} of ${text.length / 2} bytes` : text;
}
