import type { Network, Transport, TransportTarget } from "../../lib/net/mod.ts";
import {
  type Command,
  encodeEvent,
  encodeSubscription,
  encodeUserAgent,
  FrameDecoder,
  FrameWriter,
  SELECTORS,
} from "../../lib/eventmesh/wire/mod.ts";

/** What a client does wrong. */
export type BadMode =
  /** Connects and says nothing. */
  | "connect-and-idle"
  /** Says hello and nothing more: no heartbeat, no goodbye. */
  | "hello-and-idle"
  /** Subscribes, gets messages and acknowledges none of them. */
  | "never-ack"
  /** Subscribes and stops reading. */
  | "never-read"
  /** Publishes as fast as its bytes are taken, and reads no answer. */
  | "flood"
  /** Says one half of its hello, and waits. */
  | "half-frame"
  /** Says one half of its hello, and ends. */
  | "partial-frame"
  /** Sends bytes that are not of the protocol, at once. */
  | "garbage"
  /** Says hello, and sends bytes that are not of the protocol then. */
  | "garbage-later"
  /** Announces a frame of more bytes than anybody may send. */
  | "oversize"
  /** Resets the stream after so many bytes of hello, subscribe, listen and publish. */
  | "rst-at-byte-n"
  /** Does everything right but for its end: it never says FIN. */
  | "never-fin";

/** A client that does something wrong, over bare bytes. */
export interface BadClient {
  readonly transport: Transport;
  /** Commands that it has received. */
  readonly received: readonly (Command | undefined)[];
  /** Frees it. */
  close(): Promise<unknown>;
}

/** What {@linkcode startBadClient} takes. */
export interface BadClientOptions {
  readonly network: Network;
  readonly target: TransportTarget;
  readonly mode: BadMode;
  /** The topic that it subscribes and publishes to. */
  readonly topic: string;
  /** `rst-at-byte-n`: after how many bytes. */
  readonly bytes?: number;
}

/** Bytes of the payload of one message of a flood. */
const floodPayload = "x".repeat(1_000);

/** Connects a {@linkcode BadClient} and lets it do its worst. */
export async function startBadClient(options: BadClientOptions): Promise<BadClient> {
  const { network, target, mode, topic, bytes = 0 } = options;
  const transport = await network.dial(target, {});
  const received: (Command | undefined)[] = [];
  const decoder = new FrameDecoder();
  let flooding = (): void => {};
  transport.start({
    data: (chunk) => decoder.push(chunk, ({ command }) => void received.push(command)),
    end() {
      if (mode !== "never-fin" && mode !== "never-read") transport.end();
    },
    drain: () => flooding(),
  });
  const script = scriptOf(topic);
  const { hello, listen } = script;
  const all = concat(hello, listen, script.publish);
  switch (mode) {
    case "connect-and-idle":
      break;
    case "hello-and-idle":
    case "never-fin":
      transport.write(hello);
      break;
    case "never-ack":
    case "never-read":
      transport.write(concat(hello, listen));
      if (mode === "never-read") transport.pause();
      break;
    case "flood":
      transport.write(hello);
      flooding = () => flood(transport, topic);
      flooding();
      break;
    case "half-frame":
    case "partial-frame":
      transport.write(hello.subarray(0, hello.byteLength >> 1));
      if (mode === "partial-frame") transport.end();
      break;
    case "garbage":
      transport.write(garbage);
      break;
    case "garbage-later":
      transport.write(concat(hello, garbage));
      break;
    case "oversize": {
      const head = hello.slice(0, 21);
      new DataView(head.buffer).setUint32(13, 0x7fffffff);
      transport.write(concat(hello, head));
      break;
    }
    case "rst-at-byte-n":
      transport.write(all.subarray(0, bytes));
      resetLater(transport);
      break;
  }
  return {
    transport,
    received,
    close() {
      transport.destroy();
      return transport.closed;
    },
  };
}

/** Bytes that the whole script of a client has, for those that reset in the midst of it. */
export function scriptLength(topic: string): number {
  const { hello, listen, publish } = scriptOf(topic);
  return hello.byteLength + listen.byteLength + publish.byteLength;
}

const garbage = new TextEncoder().encode(
  "GET /metrics HTTP/1.1\r\nHost: localhost\r\nUser-Agent: probe\r\n\r\n",
);

function scriptOf(topic: string): { hello: Uint8Array; listen: Uint8Array; publish: Uint8Array } {
  const writer = new FrameWriter();
  writer.frame({ cmd: "HELLO_REQUEST", seq: "1" }, encodeUserAgent(agent));
  const hello = writer.take();
  writer.frame({ cmd: "SUBSCRIBE_REQUEST", seq: "2" }, encodeSubscription([{ topic }]));
  writer.frame({ cmd: "LISTEN_REQUEST", seq: "3" });
  const listen = writer.take();
  writer.frame(
    { cmd: "ASYNC_MESSAGE_TO_SERVER", seq: "4", properties: SELECTORS.eventmeshmessage },
    encodeEvent("eventmeshmessage", { topic, data: "from a bad client", properties: {} }),
  );
  return { hello, listen, publish: writer.take() };
}

const agent = {
  env: "TEST",
  subsystem: "bad",
  path: "/",
  pid: 1,
  host: "127.0.0.1",
  port: 1,
  version: "1",
  username: "",
  password: "",
  idc: "TEST",
  group: "bad",
  purpose: "sub",
} as const;

/** One turn of a flood: as much as fits below the mark, and a little at most, so that others get their turns. */
function flood(transport: Transport, topic: string): void {
  if (transport.destroyed) return;
  const writer = new FrameWriter();
  for (let seq = 0; seq < 16; seq++) {
    writer.frame(
      { cmd: "ASYNC_MESSAGE_TO_SERVER", seq: String(seq), properties: SELECTORS.eventmeshmessage },
      encodeEvent("eventmeshmessage", { topic, data: floodPayload, properties: {} }),
    );
  }
  if (transport.write(writer.take())) setImmediate(() => flood(transport, topic));
}

function resetLater(transport: Transport, turns = 3): void {
  if (turns === 0) transport.reset();
  else setImmediate(() => resetLater(transport, turns - 1));
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.byteLength;
  }
  return bytes;
}
