import { describe, expect, it } from "vitest";
import { ProtocolError } from "../../../lib/errors.ts";
import {
  decodeEvent,
  decodeRecommendation,
  decodeRedirect,
  decodeSubscription,
  decodeUserAgent,
  FrameDecoder,
  type Packet,
  peekEventId,
  peekTopic,
  withProperties,
} from "../../../lib/eventmesh/wire/mod.ts";
import {
  exchange,
  fromHex,
  heartbeatHex,
  joined,
  randomOf,
  rawFrame,
  redirectHex,
  seed,
  splits,
} from "./frames.ts";

const LIMIT = 100_000;
const seeds = [
  fromHex(heartbeatHex),
  fromHex(redirectHex),
  ...exchange.map(({ header, body }) => rawFrame(header, body)),
];
const text = new TextEncoder();

const readers: readonly ((packet: Packet) => unknown)[] = [
  (packet) => [packet.seq, packet.text(), packet.property("protocoltype"), packet.json()],
  decodeUserAgent,
  decodeSubscription,
  decodeRedirect,
  decodeRecommendation,
  (packet) => decodeEvent("cloudevents", packet.body),
  (packet) => decodeEvent("eventmeshmessage", packet.body),
  (packet) => peekEventId(packet.body),
  (packet) => peekTopic("cloudevents", packet.body),
  (packet) => peekTopic("eventmeshmessage", packet.body),
  (packet) => withProperties("cloudevents", packet.body, { a: "1" }),
  (packet) => withProperties("eventmeshmessage", packet.body, { a: "1" }),
];

/** Reads a packet as something that it may not be. Only a ProtocolError may come of it. */
function read(packet: Packet, reader: number): void {
  try {
    readers[reader]!(packet);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

type Source = (random: (limit: number) => number) => Uint8Array;

/** Frames of the exchange with bytes changed, inserted, left out or cut, a few of them in a row. */
const mutated: Source = (random) => {
  const frames: Uint8Array[] = [];
  for (let i = 0; i <= random(8); i++) {
    let frame: Uint8Array = seeds[random(seeds.length)]!.slice();
    for (let changes = random(4); changes > 0; changes--) {
      const at = random(frame.length);
      const kind = random(5);
      if (kind === 0) frame[at] = random(256);
      else if (kind === 1) frame[at]! ^= 1 << random(8);
      else if (kind === 2) frame[at] = text.encode('{}[]":,\\0')[random(9)]!;
      else if (kind === 3) frame = joined([frame.subarray(0, at), frame.subarray(at + random(10))]);
      else frame = joined([frame.subarray(0, at), frame.subarray(random(frame.length))]);
      if (frame.length === 0) frame = seeds[0]!.slice();
    }
    frames.push(frame);
  }
  return joined(frames);
};

/** Frames whose lengths are right and whose header and body were damaged. */
const framed: Source = (random) => {
  const { header, body } = exchange[random(exchange.length)]!;
  const damaged = [header, body].map((part) => {
    const bytes = text.encode(part);
    for (let changes = random(3); changes > 0 && bytes.length > 0; changes--) {
      bytes[random(bytes.length)] = random(2) === 0 ? random(256) : text.encode('{}[]":,\\0 ')[random(10)]!;
    }
    return bytes;
  });
  return rawFrame(damaged[0]!, damaged[1]!);
};

/** The right beginning, then anything: small lengths half of the time, so that some of it is taken for a frame. */
const lengths: Source = (random) => {
  const bytes = Uint8Array.from({ length: 17 + random(3000) }, () => random(256));
  bytes.set(text.encode("EventMesh0000"));
  if (random(2) === 0) {
    bytes.set([0, 0, random(12), random(256), 0, 0, 0, random(256)].slice(0, bytes.length - 13), 13);
  }
  return bytes;
};

const noise: Source = (random) => Uint8Array.from({ length: 1 + random(200) }, () => random(256));

/** Feeds streams until `total` bytes have really been looked at, and returns what came of them. */
function feed(source: Source, total: number): { streams: number; packets: number; refused: number } {
  const random = randomOf(seed);
  const result = { streams: 0, packets: 0, refused: 0 };
  for (let fed = 0; fed < total; result.streams++) {
    const decoder = new FrameDecoder({ maxFrame: LIMIT });
    try {
      for (const chunk of splits(source(random), random, 2 + random(2000))) {
        fed += chunk.length;
        decoder.push(chunk, (packet) => {
          result.packets++;
          read(packet, random(readers.length));
          read(packet, random(readers.length));
        });
        if (decoder.held > Math.min(LIMIT, Math.max(16_384, 2 * decoder.partial))) {
          expect.unreachable(`${decoder.held} bytes held for ${decoder.partial}`);
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      expect(error).toBe(decoder.failure);
      expect(decoder.held).toBe(0);
      result.refused++;
    }
  }
  return result;
}

describe(`the decoder, fed with ten million bytes (SEED=${seed})`, () => {
  it("survives damaged frames", () => {
    const { packets, refused, streams } = feed(mutated, 6_000_000);
    expect(packets).toBeGreaterThan(streams / 4);
    expect(refused).toBeGreaterThan(streams / 4);
  }, 60_000);

  it("survives frames with damaged contents", () => {
    const { packets, refused, streams } = feed(framed, 2_500_000);
    expect(packets).toBeGreaterThan(streams / 4);
    expect(refused).toBeGreaterThan(streams / 100);
  }, 60_000);

  it("survives lengths that mean nothing", () => {
    const { refused, streams } = feed(lengths, 1_500_000);
    expect(refused).toBeGreaterThan(streams / 4);
  }, 60_000);

  it("survives noise", () => {
    const { refused, packets } = feed(noise, 200_000);
    expect(refused).toBeGreaterThan(100);
    expect(packets).toBe(0);
  }, 60_000);
});
