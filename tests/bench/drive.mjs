// Drives a system: `connect(address)` resolves with what can `publish` and `request`, `subscribe` and `respond`.
import process from "node:process";
import { nextMessage } from "./messages.mjs";

/** What {@linkcode check} sends of each kind. */
const checked = 500;

/** Topics of one client: others of the same server have no part in them. */
const [quiet, echo, check] = ["quiet", "echo", "check"].map((name) => `bench.${name}.${process.pid}`);

/** The workloads of a system: one connection publishes and asks, one replies, and one receives what is checked. */
export async function drive(address, connect) {
  const [requester, responder] = [await connect(address), await connect(address)];
  await responder.respond(echo, (text) => text);
  const subscriber = await connect(address);
  const received = [];
  await subscriber.subscribe(check, (data, properties) => received.push({ data, properties }));
  const request = async () => {
    const { data, properties } = nextMessage();
    const reply = await requester.request(echo, data, properties);
    if (reply !== data) throw new Error(`expected the reply "${data}", got "${reply}"`);
  };
  return {
    publish() {
      const { data, properties } = nextMessage();
      return requester.publish(quiet, data, properties);
    },
    request,
    /** Sees that what is published arrives as it was sent, and in order. Resolves with how many were sent. */
    async check() {
      const sent = Array.from({ length: checked }, nextMessage);
      await Promise.all(
        sent.map(({ data, properties }) => requester.publish(check, data, properties)),
      );
      const end = performance.now() + 10_000;
      while (received.length < checked && performance.now() < end) await new Promise(setImmediate);
      for (const [number, { data, properties }] of sent.entries()) {
        const got = received[number];
        if (
          got?.data !== data ||
          Object.keys(properties).some((name) => got.properties[name] !== properties[name])
        ) {
          throw new Error(
            `expected message ${number} with ${JSON.stringify(data)}, got ${JSON.stringify(got)}`,
          );
        }
      }
      received.length = 0;
      await Promise.all(Array.from({ length: checked }, request));
      return 2 * checked;
    },
  };
}
