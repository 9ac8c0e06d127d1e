import {
  type Command,
  encodeEvent,
  encodeSubscription,
  encodeUserAgent,
  FrameDecoder,
  FrameWriter,
  SELECTORS,
  type UserAgent,
} from "../../lib/eventmesh/wire/mod.ts";
import type { Language } from "./fault_client.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Words in lines: the language of a server that is made of the kit alone. */
export function lines(): Language {
  let count = 0;
  return {
    hello: encoder.encode("hello\n"),
    work: () => encoder.encode(`work ${++count}\n`),
    reader(tell) {
      let rest = "";
      return (chunk) => {
        const parts = (rest + decoder.decode(chunk)).split("\n");
        rest = parts.pop()!;
        for (const line of parts) {
          if (line === "goodbye") tell("goodbye", encoder.encode("bye\n"));
          else tell(line === "welcome" ? "welcome" : "answer");
        }
      };
    },
  };
}

/** The language of EventMesh: a client that subscribes and publishes to one topic, and acknowledges what it gets. */
export function eventmesh(who: Partial<UserAgent>, topic: string): Language {
  const writer = new FrameWriter();
  let seq = 0;
  let subscribed = false;
  const request = (cmd: Command, body?: string): void => {
    writer.frame({ cmd, seq: String(++seq), properties: SELECTORS.eventmeshmessage }, body);
  };
  request("HELLO_REQUEST", encodeUserAgent({ ...agent, ...who }));
  return {
    hello: writer.take(),
    work() {
      if (!subscribed) {
        request("SUBSCRIBE_REQUEST", encodeSubscription([{ topic }]));
        request("LISTEN_REQUEST");
      }
      subscribed = true;
      const event = { topic, data: `message ${seq}`, properties: {} };
      request("ASYNC_MESSAGE_TO_SERVER", encodeEvent("eventmeshmessage", event));
      return writer.take();
    },
    reader(tell) {
      const frames = new FrameDecoder();
      return (chunk) =>
        frames.push(chunk, ({ command, seq }) => {
          if (command === "HELLO_RESPONSE") return tell("welcome");
          if (command === "ASYNC_MESSAGE_TO_SERVER_ACK") return tell("answer");
          if (command === "ASYNC_MESSAGE_TO_CLIENT") {
            writer.frame({ cmd: "ASYNC_MESSAGE_TO_CLIENT_ACK", seq });
          } else if (command === "SERVER_GOODBYE_REQUEST") {
            writer.frame({ cmd: "SERVER_GOODBYE_RESPONSE" });
            return tell("goodbye", writer.take());
          } else {
            return;
          }
          // What it gets, it acknowledges: that is a part of its work.
          tell("answer", writer.take());
        });
    },
  };
}

const agent: UserAgent = {
  env: "TEST",
  subsystem: "faults",
  path: "/",
  pid: 1,
  host: "127.0.0.1",
  port: 1,
  version: "1",
  username: "",
  password: "",
  idc: "TEST",
  group: "faults",
  purpose: "sub",
};
