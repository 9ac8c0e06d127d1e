// What is measured: the client and the embedded broker as they are published, with a shared signal and a time limit on
// every operation.
import { startBroker } from "../../dist/lib/broker/mod.js";
import { connect } from "../../dist/mod.js";
import { drive } from "./drive.mjs";

export async function startServer() {
  const broker = await startBroker({ port: 0 });
  return { address: broker.url, published: () => broker.inspect().counters.published };
}

export const startClient = (address) => drive(address, open);

async function open(address) {
  const { signal } = new AbortController();
  const connection = await connect(address, { signal });
  return {
    publish: (topic, data, properties) =>
      connection.publish(topic, data, { properties, signal, timeout: 20_000 }),
    async request(topic, data, properties) {
      return (await connection.request(topic, data, { properties, signal, timeout: 20_000 })).text();
    },
    async subscribe(topic, handle) {
      const subscription = await connection.subscribe(topic, { signal });
      void subscription.consume((message) => void handle(message.text(), message.properties));
    },
    async respond(topic, handle) {
      const subscription = await connection.subscribe(topic, { type: "sync", capacity: 10_000, signal });
      void subscription.consume((message) => handle(message.text()), { concurrency: 64 });
    },
  };
}
