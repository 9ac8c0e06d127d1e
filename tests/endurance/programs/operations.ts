/**
 * Operations by the ten thousand with one signal, and what they leave behind.
 *
 * @module
 */
import { startBroker } from "../../../lib/broker/mod.ts";
import { connect } from "../../../lib/eventmesh/mod.ts";
import { abortable, linkAbort } from "../../../lib/lifecycle/abort.ts";
import { memoryNetwork, type Network } from "../../../lib/net/mod.ts";
import { growthOf, listeners, repeat, signal, tell } from "../growth.ts";

await fanOut();
await operations(memoryNetwork());

/** The list of those who wait for the abort of one signal. */
async function fanOut(): Promise<void> {
  tell(
    await growthOf("links to one signal", 100_000, async (count) => {
      const standing = Array.from({ length: 100 }, () => linkAbort(signal, { onAbort() {} }));
      for (let i = 0; i < count; i++) linkAbort(signal, { onAbort() {} }).unlink();
      await repeat(count / 10, 100, () => abortable(Promise.resolve(), signal));
      for (const link of standing) link.unlink();
    }),
  );
}

/** Publishes and requests of one connection, all with the one signal. */
async function operations(network: Network): Promise<void> {
  const broker = await startBroker({ port: 0, network });
  const connection = await connect(broker.url, { network, signal });
  const orders = await connection.subscribe("orders", { signal });
  const questions = await connection.subscribe("questions", { type: "sync", signal });
  void orders.consume(() => {}, { signal });
  void questions.consume(() => "answer", { signal, concurrency: 20 });
  const busy = listeners();
  const growth = await growthOf("publishes and requests", 100_000, async (count) => {
    await repeat(count * 0.8, 50, () => connection.publish("orders", "an order", { signal }));
    await repeat(count * 0.2, 20, () => connection.request("questions", "why", { signal }));
    if (listeners() > busy) throw new Error(`${listeners()} listeners on the signal, there were ${busy}`);
  });
  await connection.goodbye();
  await broker.goodbye();
  tell(growth);
}
