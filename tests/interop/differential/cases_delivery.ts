import { type Case, cloudEvents, confirm, selectors, type Stage } from "./stage.ts";
import type { Line } from "./line.ts";

const plain = selectors();

/** How one who subscribes like this gets what is published like that. */
const deliveries: Readonly<Record<string, readonly [item: object, cmd: string]>> = {
  "deliver-broadcast-publish": [{}, "BROADCAST_MESSAGE_TO_SERVER"],
  "deliver-to-broadcasting": [{ mode: "BROADCASTING" }, "ASYNC_MESSAGE_TO_SERVER"],
  "deliver-broadcast-to-broadcasting": [{ mode: "BROADCASTING" }, "BROADCAST_MESSAGE_TO_SERVER"],
  "deliver-to-sync": [{ type: "SYNC" }, "ASYNC_MESSAGE_TO_SERVER"],
  "deliver-to-broadcasting-sync": [{ mode: "BROADCASTING", type: "SYNC" }, "ASYNC_MESSAGE_TO_SERVER"],
  "deliver-to-unrecognized-mode": [{ mode: "UNRECOGNIZED" }, "ASYNC_MESSAGE_TO_SERVER"],
  "deliver-to-unrecognized-type": [{ type: "UNRECOGNIZED" }, "ASYNC_MESSAGE_TO_SERVER"],
  "deliver-without-mode-and-type": [{ mode: undefined, type: undefined }, "ASYNC_MESSAGE_TO_SERVER"],
};

/** Acknowledgements that are not the one that is due; each is followed by the right one. */
const acknowledgements: Readonly<Record<string, (line: Line, seq: unknown) => void>> = {
  "ack-with-body": (line, seq) => void line.send("ASYNC_MESSAGE_TO_CLIENT_ACK", { body: '"{}"' }, { seq }),
  "ack-twice": (line, seq) => void line.send("ASYNC_MESSAGE_TO_CLIENT_ACK", {}, { seq }),
  "ack-of-another-kind": (line, seq) => void line.send("BROADCAST_MESSAGE_TO_CLIENT_ACK", {}, { seq }),
  "ack-of-an-answer": (line, seq) => void line.send("RESPONSE_TO_CLIENT_ACK", {}, { seq }),
  "ack-with-code-1": (line, seq) => void line.send("ASYNC_MESSAGE_TO_CLIENT_ACK", {}, { seq, code: 1 }),
  "ack-of-an-unknown-seq": (line) => void line.send("ASYNC_MESSAGE_TO_CLIENT_ACK", {}, { seq: "77" }),
  "ack-without-seq": (line) => void line.send("ASYNC_MESSAGE_TO_CLIENT_ACK", {}, { seq: null }),
};

async function publish(stage: Stage, line: Line, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    await line.say("ASYNC_MESSAGE_TO_SERVER", stage.message({ body: `${i}` }), plain);
  }
}

export const deliveryCases: readonly Case[] = [
  ...Object.entries(deliveries).map(([name, [item, cmd]]): Case => ({
    name,
    async play(stage) {
      const subscriber = await stage.subscribe("sub", item);
      const publisher = await stage.open("pub", "pub");
      await publisher.say(cmd, stage.message(), plain);
      await confirm(subscriber, await subscriber.push());
    },
  })),
  ...Object.entries(acknowledgements).map(([name, acknowledge]): Case => ({
    name,
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      const publisher = await stage.open("pub", "pub");
      await publish(stage, publisher);
      const first = await subscriber.push();
      acknowledge(subscriber, first?.header.seq);
      await confirm(subscriber, first);
      await publish(stage, publisher);
      await confirm(subscriber, await subscriber.push());
    },
  })),
  {
    name: "deliver-in-order",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      const publisher = await stage.open("pub", "pub");
      await publish(stage, publisher, 5);
      for (let i = 0; i < 5; i++) await confirm(subscriber, await subscriber.push());
    },
  },
  {
    name: "deliver-both-protocols",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      const publisher = await stage.open("pub", "pub");
      await publish(stage, publisher);
      await confirm(subscriber, await subscriber.push());
      await publisher.say("ASYNC_MESSAGE_TO_SERVER", stage.event(), cloudEvents);
      await confirm(subscriber, await subscriber.push());
    },
  },
  {
    name: "deliver-to-each-broadcasting",
    async play(stage) {
      const one = await stage.subscribe("one", { mode: "BROADCASTING" });
      const two = await stage.subscribe("two", { mode: "BROADCASTING" });
      await publish(stage, await stage.open("pub", "pub"));
      for (const line of [one, two]) await confirm(line, await line.push());
    },
  },
  {
    name: "deliver-to-two-groups",
    async play(stage) {
      const one = await stage.subscribe("one");
      const two = await stage.subscribe("two", {}, `${stage.group}-2`);
      await publish(stage, await stage.open("pub", "pub"));
      for (const line of [one, two]) await confirm(line, await line.push());
    },
  },
  {
    name: "deliver-after-listening-twice",
    async play(stage) {
      const subscriber = await stage.subscribe("sub", { mode: "BROADCASTING" });
      await subscriber.say("LISTEN_REQUEST");
      await publish(stage, await stage.open("pub", "pub"));
      await confirm(subscriber, await subscriber.push());
      await confirm(subscriber, await subscriber.push());
    },
  },
  {
    name: "deliver-to-a-later-topic",
    async play(stage) {
      const subscriber = await stage.subscribe("sub", { topic: `${stage.topic}-1` });
      await subscriber.say("SUBSCRIBE_REQUEST", stage.items({}));
      await publish(stage, await stage.open("pub", "pub"));
      await confirm(subscriber, await subscriber.push());
    },
  },
  {
    name: "deliver-after-unsubscribe",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      await subscriber.say("UNSUBSCRIBE_REQUEST", stage.items({}));
      await publish(stage, await stage.open("pub", "pub"));
      await subscriber.push();
    },
  },
  {
    name: "deliver-after-another-unsubscribed",
    async play(stage) {
      const one = await stage.subscribe("one", { mode: "BROADCASTING" });
      const two = await stage.subscribe("two", { mode: "BROADCASTING" });
      await two.say("UNSUBSCRIBE_REQUEST");
      await publish(stage, await stage.open("pub", "pub"));
      await confirm(one, await one.push());
    },
  },
  {
    name: "deliver-after-subscribing-again",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      await subscriber.say("UNSUBSCRIBE_REQUEST");
      await subscriber.say("SUBSCRIBE_REQUEST", stage.items({}));
      await publish(stage, await stage.open("pub", "pub"));
      await confirm(subscriber, await subscriber.push());
    },
  },
  {
    name: "deliver-after-goodbye",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      await subscriber.say("CLIENT_GOODBYE_REQUEST");
      await publish(stage, await stage.open("pub", "pub"));
      await subscriber.push();
    },
  },
  {
    name: "goodbye-then-publish",
    async play(stage) {
      const subscriber = await stage.subscribe("sub");
      const publisher = await stage.open("pub", "pub");
      await publisher.say("CLIENT_GOODBYE_REQUEST");
      await publisher.say("ASYNC_MESSAGE_TO_SERVER", stage.message(), plain);
      await subscriber.push();
    },
  },
];
