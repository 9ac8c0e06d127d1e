import { agent, type Case } from "./stage.ts";

/** Hellos that differ from a good one in one thing. */
const hellos: Readonly<Record<string, string | undefined>> = {
  "hello-pub": agent({ purpose: "pub" }),
  "hello-sub": agent({ purpose: "sub" }),
  "hello-without-body": undefined,
  "hello-null": "null",
  "hello-no-json": "hello",
  "hello-array": "[]",
  "hello-text": '"hello"',
  "hello-without-version": agent({ version: undefined }),
  "hello-without-group": agent({ group: undefined }),
  "hello-blank-group": agent({ group: " " }),
  "hello-without-purpose": agent({ purpose: undefined }),
  "hello-upper-case-purpose": agent({ purpose: "PUB" }),
  "hello-unknown-purpose": agent({ purpose: "both" }),
  "hello-without-password": agent({ username: undefined, password: undefined }),
  "hello-unknown-field": agent({ flavour: "vanilla" }),
  "hello-text-pid": agent({ pid: "42" }),
  "hello-wrong-pid": agent({ pid: "many" }),
  "hello-fractional-pid": agent({ pid: 4.2 }),
  "hello-null-pid": agent({ pid: null }),
  "hello-number-version": agent({ version: 2 }),
  "hello-object-group": agent({ group: {} }),
};

export const helloCases: readonly Case[] = [
  ...Object.entries(hellos).map(([name, body]): Case => ({
    name,
    async play(stage) {
      const line = await stage.connect();
      await line.say("HELLO_REQUEST", body);
    },
  })),
  {
    name: "hello-without-seq",
    async play(stage) {
      const line = await stage.connect();
      line.send("HELLO_REQUEST", { body: agent() }, { seq: null });
      await line.push();
    },
  },
  {
    name: "hello-number-seq",
    async play(stage) {
      await (await stage.connect()).say("HELLO_REQUEST", agent(), { seq: 123 });
    },
  },
  {
    name: "hello-twice",
    async play(stage) {
      const line = await stage.connect();
      await line.say("HELLO_REQUEST", agent({ purpose: "pub" }));
      await line.say("HELLO_REQUEST", agent({ purpose: "sub" }));
      await line.say("LISTEN_REQUEST");
    },
  },
  {
    name: "hello-then-a-wrong-one",
    async play(stage) {
      const line = await stage.open("pub");
      await line.say("HELLO_REQUEST", agent({ purpose: "both" }));
      await line.say("HEARTBEAT_REQUEST");
    },
  },
  {
    name: "hello-refused-then-another",
    async play(stage) {
      const line = await stage.connect();
      await line.say("HELLO_REQUEST", agent({ version: undefined }));
      await line.over();
      const other = await stage.connect("other");
      await other.say("HELLO_REQUEST", agent());
    },
  },
];
