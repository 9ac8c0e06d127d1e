// What is measured: the client and the embedded broker as they are published, with a shared signal and a time limit on
// every operation.
import { startBroker } from "../../dist/lib/broker/mod.js";
import { connect } from "../../dist/mod.js";

export async function startServer() {
  const broker = await startBroker({ port: 0 });
  return broker.url;
}

export async function startClient(address, { size }) {
  const data = "x".repeat(size);
  const { signal } = new AbortController();
  const connection = await connect(address, { signal });
  const responder = await connection.subscribe("bench", { type: "sync", capacity: 10_000, signal });
  void responder.consume((message) => message.wantsReply ? message.text() : undefined, { concurrency: 64 });
  return {
    publish: () => connection.publish("quiet", data, { signal, timeout: 20_000 }),
    request: () => connection.request("bench", data, { signal, timeout: 20_000 }),
  };
}
