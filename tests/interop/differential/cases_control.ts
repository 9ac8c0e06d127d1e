import { agent, type Case, type Stage } from "./stage.ts";
import type { Line } from "./line.ts";

/** Subscriptions that differ from a good one in one thing. */
const subscriptions: Readonly<Record<string, (stage: Stage) => string | undefined>> = {
  "subscribe-two-topics": (stage) => stage.items({}, { topic: `${stage.topic}-2` }),
  "subscribe-one-topic-twice": (stage) => stage.items({}, {}),
  "subscribe-without-body": () => undefined,
  "subscribe-null": () => "null",
  "subscribe-no-json": () => "topic",
  "subscribe-to-nothing": () => '{"topicList":[]}',
  "subscribe-without-list": () => "{}",
  "subscribe-null-list": () => '{"topicList":null}',
  "subscribe-plain-topics": ({ topic }) => JSON.stringify({ topicList: [topic] }),
  "subscribe-without-mode": (stage) => stage.items({ mode: undefined }),
  "subscribe-null-mode": (stage) => stage.items({ mode: null }),
  "subscribe-unknown-mode": (stage) => stage.items({ mode: "ROUND_ROBIN" }),
  "subscribe-lower-case-mode": (stage) => stage.items({ mode: "clustering" }),
  "subscribe-number-mode": (stage) => stage.items({ mode: 0 }),
  "subscribe-unrecognized-mode": (stage) => stage.items({ mode: "UNRECOGNIZED" }),
  "subscribe-without-type": (stage) => stage.items({ type: undefined }),
  "subscribe-unknown-type": (stage) => stage.items({ type: "LATER" }),
  "subscribe-unrecognized-type": (stage) => stage.items({ type: "UNRECOGNIZED" }),
  "subscribe-unknown-field": (stage) => stage.items({ flavour: "vanilla" }),
  "subscribe-without-topic": (stage) => stage.items({ topic: undefined }),
  "subscribe-empty-topic": (stage) => stage.items({ topic: "" }),
  "subscribe-blank-topic": (stage) => stage.items({ topic: " " }),
  "subscribe-number-topic": (stage) => stage.items({ topic: 42 }),
};

/** What a subscriber says one after the other, waiting for each answer. */
const orders: Readonly<Record<string, readonly [string, ((stage: Stage) => string)?][]>> = {
  "listen-then-subscribe": [["LISTEN_REQUEST"], ["SUBSCRIBE_REQUEST", (stage) => stage.items({})]],
  "listen-without-subscription": [["LISTEN_REQUEST"]],
  "listen-twice": [["SUBSCRIBE_REQUEST", (stage) => stage.items({})], ["LISTEN_REQUEST"], ["LISTEN_REQUEST"]],
  "subscribe-again": [
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
  ],
  "subscribe-again-in-another-mode": [
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({ mode: "BROADCASTING" })],
  ],
  "unsubscribe-from-nothing": [["UNSUBSCRIBE_REQUEST"]],
  "unsubscribe-twice": [
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["UNSUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["UNSUBSCRIBE_REQUEST", (stage) => stage.items({})],
  ],
  "unsubscribe-while-listening": [
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["LISTEN_REQUEST"],
    ["UNSUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["HEARTBEAT_REQUEST"],
  ],
  "unsubscribe-no-json": [["UNSUBSCRIBE_REQUEST", () => "topic"]],
  "heartbeat-with-body": [["HEARTBEAT_REQUEST", () => '{"alive":true}']],
  "goodbye-twice": [["CLIENT_GOODBYE_REQUEST"], ["CLIENT_GOODBYE_REQUEST"]],
  "goodbye-then-heartbeat": [["CLIENT_GOODBYE_REQUEST"], ["HEARTBEAT_REQUEST"]],
  "goodbye-then-subscribe": [
    ["CLIENT_GOODBYE_REQUEST"],
    ["SUBSCRIBE_REQUEST", (stage) => stage.items({})],
    ["LISTEN_REQUEST"],
  ],
  "goodbye-then-hello": [["CLIENT_GOODBYE_REQUEST"], ["HELLO_REQUEST", () => agent()]],
};

/** Headers that do not say what a frame has to say. */
const headers: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "heartbeat-without-seq": { seq: null },
  "heartbeat-number-seq": { seq: 7 },
  "heartbeat-empty-seq": { seq: "" },
  "heartbeat-long-number-seq": { seq: 12345678901234567 },
  "heartbeat-quoted-seq": { seq: 'a"b\\c' },
  "heartbeat-long-seq": { seq: "7".repeat(900) },
  "heartbeat-too-long-seq": { seq: "7".repeat(5_000) },
  "heartbeat-code-1": { code: 1 },
  "heartbeat-text-code": { code: "0" },
  "heartbeat-null-properties": { properties: null },
  "heartbeat-unknown-keys": { flavour: "vanilla" },
  "heartbeat-number-command": { cmd: 0 },
  "heartbeat-in-command-alone": { cmd: undefined, command: "HEARTBEAT_REQUEST" },
};

async function saying(stage: Stage, steps: (typeof orders)[string]): Promise<void> {
  const line = await stage.open("sub");
  for (const [cmd, body] of steps) await line.say(cmd, body?.(stage));
}

async function heartbeat(line: Line, header: Readonly<Record<string, unknown>>): Promise<void> {
  const { answers } = line.send("HEARTBEAT_REQUEST", {}, header);
  await line.until(() => answers.length + line.pushes.length > 0, { pushes: 1 });
}

export const controlCases: readonly Case[] = [
  ...Object.entries(subscriptions).map(([name, body]): Case => ({
    name,
    async play(stage) {
      const line = await stage.open("sub");
      await line.say("SUBSCRIBE_REQUEST", body(stage));
    },
  })),
  ...Object.entries(orders).map(([name, steps]): Case => ({ name, play: (stage) => saying(stage, steps) })),
  ...Object.entries(headers).map(([name, header]): Case => ({
    name,
    play: async (stage) => heartbeat(await stage.open("pub"), header),
  })),
  {
    name: "goodbye-and-leave",
    async play(stage) {
      const line = await stage.open("pub");
      await line.say("CLIENT_GOODBYE_REQUEST");
      await line.finish();
    },
  },
];
