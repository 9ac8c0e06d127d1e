import { describe, expect, it } from "vitest";
import {
  decodeEvent,
  decodeRedirect,
  decodeSubscription,
  decodeUserAgent,
  encodeEvent,
  encodeRedirect,
  encodeSubscription,
  encodeUserAgent,
  FrameWriter,
  type Header,
  type Packet,
  type UserAgent,
} from "../../../lib/eventmesh/wire/mod.ts";
import {
  decodeAll,
  exchange,
  facts,
  fromHex,
  heartbeatHex,
  hex,
  joined,
  randomOf,
  rawFrame,
  redirectHex,
  seed,
  splits,
} from "./frames.ts";

const frames = exchange.map(({ header, body }) => rawFrame(header, body));
const all = [fromHex(heartbeatHex), fromHex(redirectHex), ...frames];

const headerOf = ({ command, code, description, seq, properties }: Packet): Header => ({
  cmd: command!,
  code,
  desc: description,
  seq,
  properties,
});

describe("known frames", () => {
  it("have the sizes that the Java codec gives them", () => {
    expect(all[0]!.length).toBe(122);
    expect(all[1]!.length).toBe(135);
  });

  it("decode: a heartbeat", () => {
    const [packet] = decodeAll([all[0]!]);
    expect(facts(packet!)).toEqual({
      command: "HEARTBEAT_REQUEST",
      name: "HEARTBEAT_REQUEST",
      hasHeader: true,
      code: 0,
      description: undefined,
      seq: "0123456789",
      seqNumber: 123456789,
      properties: {},
      bodyOffset: 122,
      body: "",
    });
  });

  it("decode: a redirect, which has no seq", () => {
    const [packet] = decodeAll([all[1]!]);
    expect(packet!.command).toBe("REDIRECT_TO_CLIENT");
    expect(packet!.seq).toBeUndefined();
    expect(packet!.seqNumber).toBeNaN();
    expect(packet!.bodyOffset).toBe(21 + 0x54);
    expect(decodeRedirect(packet!)).toEqual({ ip: "10.0.0.1", port: 10000 });
  });

  it("decode: a whole exchange", () => {
    const packets = decodeAll([joined(frames)]);
    expect(packets.map(({ name }) => name)).toEqual(exchange.map(({ header }) => JSON.parse(header).cmd));
    expect(packets.map((packet) => packet.text())).toEqual(exchange.map(({ body }) => body));
    expect(packets.map(({ seq }) => seq)).toEqual(exchange.map(({ header }) => JSON.parse(header).seq));
    expect(decodeUserAgent(packets[0]!)).toEqual(JSON.parse(exchange[0]!.body));
    expect(decodeSubscription(packets[2]!)).toEqual([{ topic: "T", mode: "CLUSTERING", type: "ASYNC" }]);
    const push = decodeEvent("eventmeshmessage", packets[8]!.body);
    expect(push).toMatchObject({ topic: "T", data: "hello", contentType: "text/plain" });
    expect(push.properties).toMatchObject({ ttl: "30000", rsp0group: "g1" });
    expect(Object.keys(push.properties)).not.toContain("protocoltype");
  });

  it.each([["whole", 1e9], ["in chunks of 21 bytes", 21], ["byte by byte", 1]])(
    "decode the same %s",
    (_, size) => {
      const stream = joined(all);
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size) chunks.push(stream.slice(at, at + size));
      expect(decodeAll(chunks).map(facts)).toEqual(all.flatMap((frame) => decodeAll([frame])).map(facts));
    },
  );

  it(`decode the same at 300 random splits (SEED=${seed})`, () => {
    const random = randomOf(seed);
    const stream = joined(all);
    const wanted = all.flatMap((frame) => decodeAll([frame])).map(facts);
    for (let round = 0; round < 300; round++) {
      expect(decodeAll(splits(stream, random, 2 + random(300))).map(facts)).toEqual(wanted);
    }
  });

  it("are written byte for byte as the Java codec writes them", () => {
    for (const frame of all) {
      const [packet] = decodeAll([frame]);
      const writer = new FrameWriter();
      writer.frame(headerOf(packet!), packet!.body);
      expect(hex(writer.take())).toBe(hex(frame));
      writer.frame(headerOf(packet!), packet!.text());
      expect(hex(writer.take())).toBe(hex(frame));
    }
  });

  it("have bodies that are written as the Java codec writes them", () => {
    expect(encodeUserAgent(JSON.parse(exchange[0]!.body) as UserAgent)).toBe(exchange[0]!.body);
    expect(encodeSubscription([{ topic: "T" }])).toBe(exchange[2]!.body);
    expect(encodeRedirect({ ip: "10.0.0.1", port: 10000 })).toBe('{"ip":"10.0.0.1","port":10000}');
    const event = { topic: "T", data: "hello", contentType: "text/plain", properties: { ttl: "30000" } };
    expect(encodeEvent("eventmeshmessage", event)).toBe(exchange[6]!.body);
  });
});
