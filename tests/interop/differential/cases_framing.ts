import { concat, frame, type FrameParts } from "./frames.ts";
import type { Line } from "./line.ts";
import { agent, type Case, type Stage } from "./stage.ts";

const beat = { cmd: "HEARTBEAT_REQUEST", code: 0, seq: "5", properties: {}, command: "HEARTBEAT_REQUEST" };
const text = JSON.stringify(beat);

/** Frames, whole by their own account, that are wrong somewhere. A session sends them, and what it gets is seen. */
const frames: Readonly<Record<string, FrameParts>> = {
  "frame-wrong-magic": { header: beat, prefix: "EventMash0000" },
  "frame-wrong-version": { header: beat, prefix: "EventMesh0001" },
  "frame-header-beyond-its-end": { header: beat, headerLength: text.length + 1 },
  "frame-length-0": { length: 0 },
  "frame-length-12": { length: 12 },
  "frame-negative-length": { length: -1 },
  "frame-length-of-all": { length: 0x7fffffff },
  "frame-length-above-limit": { length: 4_194_297 },
  "header-no-json": { header: "hello" },
  "header-cut-json": { header: '{"cmd":' },
  "header-array": { header: "[]" },
  "header-without-command-but-body": { header: { code: 0, seq: "5", properties: {} }, body: "{}" },
  "header-empty-command": { header: { cmd: "", seq: "5" } },
  "header-unknown-command": { header: { cmd: "DANCE_REQUEST", seq: "5" } },
  "header-unknown-command-with-body": { header: { cmd: "DANCE_REQUEST", seq: "5" }, body: "{}" },
  "header-lower-case-command": { header: { cmd: "heartbeat_request", seq: "5" } },
  "header-command-number-beyond": { header: { cmd: 99, seq: "5" } },
  "header-text-number-command": { header: { cmd: "0", seq: "5" } },
  "header-wrong-code": { header: { ...beat, code: "ok" } },
  "header-fractional-code": { header: { ...beat, code: 1.5 } },
  "header-array-properties": { header: { ...beat, properties: [] } },
  "header-text-properties": { header: { ...beat, properties: "none" } },
  "header-object-seq": { header: { ...beat, seq: {} } },
  "header-twice-a-key": {
    header: `{"cmd":"LISTEN_REQUEST","seq":"5","properties":{},"cmd":"HEARTBEAT_REQUEST"}`,
  },
  "header-with-space": { header: `  ${text} ` },
  "header-with-byte-order-mark": { header: `\ufeff${text}` },
  "header-with-trailing-text": { header: `${text} hello` },
  "header-with-comment": { header: text.replace("{", "{/* hello */") },
  "header-with-single-quotes": { header: text.replaceAll('"', "'") },
};

/** Frames that say nothing: the runtime says goodbye for them, after a second. */
const blanks: Readonly<Record<string, FrameParts>> = {
  "blank-without-header": {},
  "blank-without-header-but-body": { body: "{}" },
  "blank-negative-header-length": { headerLength: -1 },
  "blank-null": { header: "null" },
  "blank-empty": { header: "{}" },
  "blank-without-command": { header: { code: 0, seq: "5", properties: {} } },
  "blank-null-command": { header: { cmd: null, seq: "5" } },
};

/** Bytes that are no frame, on a new connection; the server has to wait or to close. */
const garbage: Readonly<Record<string, string>> = {
  "garbage-http": "GET / HTTP/1.1\r\nHost: example\r\n\r\n",
  "garbage-short": "hello",
  "garbage-tls": "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003aaaaaaaaaaaaaaaaaaaaaa",
  "garbage-null-bytes": "\u0000".repeat(64),
};

async function strange(stage: Stage, parts: FrameParts): Promise<void> {
  const line = await stage.open("pub");
  const { answers } = line.expect("5", "frame");
  line.bytes(frame(parts));
  await line.until(() => answers.length > 0, { end: "end" });
}

/** All of them at once: each takes more than a second. */
async function blank(stage: Stage): Promise<void> {
  const all = Object.entries(blanks).map(async ([name, parts]) => {
    const line = await stage.open("pub", name);
    const { answers } = line.expect("5", "frame");
    line.bytes(frame(parts));
    await line.until(() => answers.length > 0 || line.pushes.length > 0, { pushes: 1 });
    await line.until(() => false, { end: "end" });
  });
  await Promise.all(all);
}

function beats(line: Line, count: number): Uint8Array[] {
  return Array.from({ length: count }, () => line.compose("HEARTBEAT_REQUEST"));
}

const answered = (line: Line) => (): boolean => line.exchanges.every(({ answers }) => answers.length > 0);

export const framingCases: readonly Case[] = [
  ...Object.entries(frames).map(([name, parts]): Case => ({ name, play: (stage) => strange(stage, parts) })),
  { name: "blank-frames", play: blank },
  ...Object.entries(garbage).map(([name, bytes]): Case => ({
    name,
    async play(stage) {
      const line = await stage.connect();
      line.bytes(bytes);
      await stage.watch(line);
      if (line.end === "open") await line.finish();
    },
  })),
  {
    name: "split-every-byte",
    async play(stage) {
      const line = await stage.connect();
      const bytes = line.compose("HELLO_REQUEST", { body: agent() });
      for (const byte of bytes) {
        line.bytes(Uint8Array.of(byte));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await line.until(answered(line));
    },
  },
  {
    name: "coalesced-heartbeats",
    async play(stage) {
      const line = await stage.open("pub");
      line.bytes(concat(beats(line, 20)));
      await line.until(answered(line));
    },
  },
  {
    name: "coalesced-and-split",
    async play(stage) {
      const line = await stage.open("pub");
      const all = concat(beats(line, 5));
      const chunk = 97;
      for (let at = 0; at < all.length; at += chunk) {
        line.bytes(all.slice(at, at + chunk));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await line.until(answered(line));
    },
  },
  {
    name: "coalesced-control",
    async play(stage) {
      const line = await stage.open("sub");
      line.bytes(concat([
        line.compose("SUBSCRIBE_REQUEST", { body: stage.items({}) }),
        line.compose("HEARTBEAT_REQUEST"),
        line.compose("LISTEN_REQUEST"),
      ]));
      await line.until(answered(line));
    },
  },
  {
    name: "coalesced-behind-a-bad-one",
    async play(stage) {
      const line = await stage.open("pub");
      line.bytes(concat([frame({ header: "hello" }), line.compose("HEARTBEAT_REQUEST")]));
      await line.over();
    },
  },
  {
    name: "frame-of-the-limit",
    async play(stage) {
      const line = await stage.open("pub");
      const size = 4_194_304 - 21 - JSON.stringify({ ...beat, seq: "5000000002" }).length;
      await line.say("HEARTBEAT_REQUEST", new Uint8Array(size).fill(0x20));
    },
  },
  {
    name: "half-a-prefix-and-close",
    async play(stage) {
      const line = await stage.open("pub");
      line.bytes("EventM");
      await line.finish();
    },
  },
  {
    name: "half-a-frame-and-close",
    async play(stage) {
      const line = await stage.open("pub");
      const bytes = frame({ header: beat });
      line.bytes(bytes.slice(0, bytes.length - 10));
      await line.finish();
    },
  },
  {
    name: "half-a-frame-and-wait",
    async play(stage) {
      const line = await stage.open("pub");
      const bytes = frame({ header: beat });
      line.bytes(bytes.slice(0, bytes.length - 10));
      await stage.watch(line);
      line.expect("5", "frame");
      line.bytes(bytes.slice(bytes.length - 10));
      await line.until(answered(line));
    },
  },
  {
    name: "close-without-a-word",
    async play(stage) {
      await (await stage.connect()).finish();
    },
  },
  {
    name: "close-after-hello",
    async play(stage) {
      await (await stage.open("sub")).finish();
    },
  },
];
