import { delay } from "@std/async/delay";
import { startBroker } from "../../broker/mod.ts";
import { connect } from "../../eventmesh/mod.ts";
import { createScope, formatFarewell } from "../../lifecycle/mod.ts";
import type { Command, CommandContext } from "../command.ts";
import { checkNoWords } from "../flags.ts";

/** Shows the whole road over real TCP: a broker in this process, messages, a request, an interrupt, and the goodbyes. */
export const demo: Command = {
  name: "demo",
  summary: "watch a broker and a client at work, from start to goodbye",
  usage: "",
  notes: [],
  flags: [],
  example: "gracewire demo",
  parse(given) {
    checkNoWords(given);
    return show;
  },
};

async function show({ scope, console, watch }: CommandContext): Promise<void> {
  const say = (what: string, text: string): Promise<boolean> => console.print(`${what.padEnd(12)}${text}`);
  const signal = scope.draining;
  const owner = scope.use(createScope({ name: "demo", signal }));

  const broker = owner.use(await startBroker({ port: 0, signal }));
  watch("broker", broker);
  await say("broker", `listening on ${broker.url}`);
  const connection = owner.use(await connect(broker.url, { group: "demo", signal }));
  watch("connection", connection);
  await say("connection", `${connection.state}, to ${broker.url}`);

  const orders = await connection.subscribe(["orders", "payments"], { signal });
  await say("subscribed", orders.topics.join(", "));
  const clock = await connection.subscribe("clock", { type: "sync", signal });
  void clock.consume((message) => `tick, and ${message.text()}`);

  const published = ["orders", "payments", "orders"].map((topic, i) => {
    return connection.publish(topic, `number ${i + 1}`, { signal });
  });
  await Promise.all(published);
  await say("published", `${published.length} messages, each confirmed by the broker`);
  let received = 0;
  for await (const message of orders) {
    await say("received", `${message.topic}: ${message.text()}`);
    message.ack();
    if (++received === published.length) break;
  }
  await say("acked", `${received} messages, and left the loop: that ends the subscription`);

  const reply = await connection.request("clock", "tock", { signal });
  await say("request", `clock answers "${reply.text()}"`);

  const interrupt = new AbortController();
  const reason = { why: "changed my mind" };
  const hopeless = connection.request("nobody listens here", "hello?", {
    signal: interrupt.signal,
    timeout: 60_000,
  }).catch((error: unknown) => error);
  await delay(20, { signal }).finally(() => interrupt.abort(reason));
  const caught: unknown = await hopeless;
  await say("interrupted", `a request under way; it rejects with the reason itself: ${caught === reason}`);

  await say("goodbye", "to the connection, then to the broker");
  const farewell = await owner.goodbye({ reason: "the demo is over" });
  const parts = [await connection.closed, await broker.closed, farewell];
  for (const part of parts) await console.print(`\n${formatFarewell(part)}`);
}
