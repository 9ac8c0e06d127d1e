// Clients of one broker in a process of their own: `KIND ADDRESS COUNT USED`. Every message is 400 B, confirmed, received and
// acknowledged, and every operation has the same signal and a time limit.
import process from "node:process";
import { connect } from "../../../lib/eventmesh/mod.ts";
import { cpu, obey, until } from "./actor.mjs";

const [kind, address, count, used = count] = process.argv.slice(2);
const data = "x".repeat(400);
const { signal } = new AbortController();
const options = { signal, timeout: 300_000 };

await obey(true, await { topics, sessions, requests, answers, idle }[kind](Number(count), Number(used)));

/** One client that subscribes to so many topics, and publishes to so many of them in turn. */
async function topics(count, used) {
  const names = Array.from({ length: count }, (_, i) => `topic-${i}`);
  const connection = await connect(address);
  const received = await receiver(connection, names);
  const next = inTurn(names.slice(0, used));
  // A topic for each message, not for each burst.
  return { publish: publishing(() => next, (next) => connection.publish(next(), data, options), received) };
}

/**
 * So many clients, each with a topic of its own that it publishes to and subscribes to. So many of them are in use, and
 * publish in turn.
 */
async function sessions(count, used) {
  const clients = [];
  await inLanes(count, async (i) => {
    const name = `session-${i}`;
    const connection = await connect(address);
    clients.push({ connection, name, received: await receiver(connection, [name]) });
  });
  return {
    publish: publishing(
      inTurn(clients.slice(0, used)),
      ({ connection, name }) => connection.publish(name, data, options),
      () => clients.reduce((sum, { received }) => sum + received(), 0),
    ),
  };
}

/** One client that asks. */
async function requests() {
  const connection = await connect(address);
  let pending = [];
  return {
    ask({ count }) {
      pending = Array.from({ length: count }, () => connection.request("answer", data, options));
    },
    async replies() {
      const replies = await Promise.all(pending);
      pending = [];
      return { right: replies.filter((reply) => reply.text() === data).length };
    },
  };
}

/** One client that answers what it is asked, between `start` and `stop`. */
async function answers() {
  const connection = await connect(address);
  let responder;
  return {
    async start() {
      responder = await connection.subscribe("answer", { type: "sync", capacity: 10_000 });
      void responder.consume((message) => message.text(), { concurrency: 64 });
    },
    stop: async () => void await responder.goodbye(),
  };
}

/** So many sessions that do nothing: every second one subscribes. */
function idle(count) {
  let open = [];
  return {
    async open() {
      await inLanes(count / 2, async () => {
        const connection = await connect(address);
        open.push(connection);
        await connection.subscribe("idle");
      });
    },
    async leave() {
      await Promise.all(open.map((connection) => connection.goodbye()));
      open = [];
    },
  };
}

/** Subscribes to topics; what it returns tells how many messages have come. */
async function receiver(connection, names) {
  let received = 0;
  const subscription = await connection.subscribe(names, { capacity: 10_000 });
  void subscription.consume(() => void received++);
  return () => received;
}

/**
 * 16 messages are under way at a time, to the next place, until so many are confirmed and have arrived. So as many go in one
 * write whatever the number of places: more in one write would cost less, and is another subject.
 */
function publishing(nextPlace, publish, received) {
  const burst = 16;
  return async ({ messages }) => {
    const [before, there] = [cpu(), received()];
    for (let done = 0; done < messages; done += burst) {
      const place = nextPlace();
      await Promise.all(Array.from({ length: burst }, () => publish(place)));
    }
    await until(() => received() - there === messages);
    return { cpu: cpu() - before };
  };
}

/** Goes round a list. */
function inTurn(list) {
  let at = -1;
  return () => list[at = at === list.length - 1 ? 0 : at + 1];
}

async function inLanes(count, run) {
  let next = 0;
  const lane = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: Math.min(count, 32) }, lane));
}
