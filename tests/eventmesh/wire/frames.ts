import { env } from "node:process";
import { Buffer } from "node:buffer";
import { FrameDecoder, type Packet } from "../../../lib/eventmesh/wire/mod.ts";

/** A frame as published traffic shows it: the two JSON texts that it consists of. */
export interface Golden {
  readonly header: string;
  readonly body: string;
}

/** Two frames whose bytes are known from the Java codec. */
export const heartbeatHex: string =
  "4576656e744d6573683030303000000072000000657b22636d64223a224845415254424541545f5245515545" +
  "5354222c22636f6465223a302c22736571223a2230313233343536373839222c2270726f70657274696573223a7b7d2c22636f6d6d616e6422" +
  "3a224845415254424541545f52455155455354227d";
export const redirectHex: string =
  "4576656e744d657368303030300000007f000000547b22636d64223a2252454449524543545f544f5f434c4945" +
  "4e54222c22636f6465223a302c2270726f70657274696573223a7b7d2c22636f6d6d616e64223a2252454449524543545f544f5f434c49454e" +
  "54227d7b226970223a2231302e302e302e31222c22706f7274223a31303030307d";

const control = (cmd: string, seq: string, desc = ""): string =>
  `{"cmd":"${cmd}","code":0,${
    desc === "" ? "" : `"desc":"${desc}",`
  }"seq":"${seq}","properties":{},"command":"${cmd}"}`;

const pushed =
  '{"topic":"T","properties":{"ttl":"30000","protocoltype":"eventmeshmessage","protocolversion":"1.0","protocoldesc":"tcp","reqc2eventmeshtimestamp":"1767000000001","reqeventmesh2mqtimestamp":"1767000000002","reqsendeventmeship":"10.0.0.5","reqmq2eventmeshtimestamp":"1767000000003","reqreceiveeventmeship":"10.0.0.5","reqeventmesh2ctimestamp":"1767000000004","rsp0sys":"5034","rsp0group":"g1","rsp0idc":"FT","rsp0ip":"127.0.0.1"},"headers":{"datacontenttype":"text/plain"},"body":"hello"}';

/** A subscriber and a publisher from hello to goodbye, in the words of the Java implementation. */
export const exchange: readonly Golden[] = [
  {
    header: control("HELLO_REQUEST", "1000000001"),
    body:
      '{"env":"PRD","subsystem":"5034","path":"/app","pid":42,"host":"127.0.0.1","port":0,"version":"2.0","username":"u","password":"p","idc":"FT","group":"g1","purpose":"sub","unack":0}',
  },
  { header: control("HELLO_RESPONSE", "1000000001", "success"), body: "" },
  {
    header: control("SUBSCRIBE_REQUEST", "1000000002"),
    body: '{"topicList":[{"topic":"T","mode":"CLUSTERING","type":"ASYNC"}]}',
  },
  { header: control("SUBSCRIBE_RESPONSE", "1000000002", "success"), body: "" },
  { header: control("LISTEN_REQUEST", "1000000003"), body: "" },
  { header: control("LISTEN_RESPONSE", "1000000003", "success"), body: "" },
  {
    header:
      '{"cmd":"ASYNC_MESSAGE_TO_SERVER","code":0,"seq":"2000000001","properties":{"protocolversion":"1.0","protocoldesc":"tcp","protocoltype":"eventmeshmessage"},"command":"ASYNC_MESSAGE_TO_SERVER"}',
    body:
      '{"topic":"T","properties":{"ttl":"30000"},"headers":{"datacontenttype":"text/plain"},"body":"hello"}',
  },
  {
    header: control("ASYNC_MESSAGE_TO_SERVER_ACK", "2000000001", "success"),
    body: '{"dataContentType":"text/plain","specVersion":"V1","extensionNames":["ttl"]}',
  },
  {
    header:
      '{"cmd":"ASYNC_MESSAGE_TO_CLIENT","code":0,"seq":"1","properties":{"protocoltype":"eventmeshmessage"},"command":"ASYNC_MESSAGE_TO_CLIENT"}',
    body: pushed,
  },
  { header: control("ASYNC_MESSAGE_TO_CLIENT_ACK", "1"), body: JSON.stringify(pushed) },
  { header: control("CLIENT_GOODBYE_REQUEST", "1000000009"), body: "" },
  { header: control("CLIENT_GOODBYE_RESPONSE", "1000000009", "success"), body: "" },
  {
    header:
      '{"cmd":"SERVER_GOODBYE_REQUEST","code":0,"desc":"graceful normal quit from eventmesh","properties":{},"command":"SERVER_GOODBYE_REQUEST"}',
    body: "",
  },
];

/** Builds a frame by the book, with any lengths one likes: the reference that the codec is held against. */
export function rawFrame(
  header: string | Uint8Array,
  body: string | Uint8Array = "",
  lengths: { length?: number; header?: number } = {},
): Uint8Array {
  const head = Buffer.from(header as string);
  const rest = Buffer.from(body as string);
  const fields = new DataView(new ArrayBuffer(8));
  fields.setInt32(0, lengths.length ?? 13 + head.length + rest.length);
  fields.setInt32(4, lengths.header ?? head.length);
  return joined([Buffer.from("EventMesh0000"), new Uint8Array(fields.buffer), head, rest]);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** What can be known about a packet, for comparison. */
export function facts(packet: Packet): Record<string, unknown> {
  const { command, name, hasHeader, code, description, seq, seqNumber, properties, bodyOffset } = packet;
  const body = hex(packet.body);
  return {
    command,
    name,
    hasHeader,
    code,
    description,
    seq,
    seqNumber,
    properties: { ...properties },
    bodyOffset,
    body,
  };
}

/** Decodes chunks with one decoder and returns the packets. */
export function decodeAll(
  chunks: Iterable<Uint8Array>,
  decoder: FrameDecoder = new FrameDecoder(),
): Packet[] {
  const packets: Packet[] = [];
  for (const chunk of chunks) decoder.push(chunk, (packet) => packets.push(packet));
  return packets;
}

/** A seed from the environment, so that a failure can be repeated, or a new one. Print it. */
export const seed: number = Number(env.SEED ?? Math.floor(Math.random() * 0x100000000)) >>> 0;

/** A small random generator: integers from 0 to below `limit`. */
export function randomOf(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Cuts bytes into chunks of random sizes, empty ones included, each with memory of its own. */
export function* splits(
  bytes: Uint8Array,
  random: (limit: number) => number,
  most = 200,
): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + random(most));
    yield bytes.slice(at, end);
    at = end;
  }
}
