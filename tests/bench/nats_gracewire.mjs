// What is measured: the client as it is published, with a shared signal and a time limit on every operation.
import { jetstreamManager } from "@nats-io/jetstream";
import { connect as connectOfficial } from "@nats-io/transport-node";
import { connect } from "../../dist/lib/nats/mod.js";
import { flood } from "./nats_flood.mjs";

export async function startClient(url) {
  const data = new Uint8Array(128).fill(120);
  const { signal } = new AbortController();
  const [here, there] = [await connect(url, { signal }), await connect(url, { signal })];
  const responder = await there.subscribe("ours.echo", { signal });
  void responder.consume((message) => message.data, { concurrency: 64 });
  const answering = await connectOfficial({ servers: url });
  answering.subscribe("ours.official", { callback: (_error, message) => message.respond(message.data) });
  const received = { iterate: 0, handle: 0 };
  void (async () => {
    for await (const message of await there.subscribe("ours.iterate", { signal })) {
      if (message.data.byteLength === 128) received.iterate++;
    }
  })();
  const handled = await there.subscribe("ours.handle", { signal });
  void handled.consume((message) => {
    if (message.data.byteLength === 128) received.handle++;
  });
  await there.flush();
  const flooding = (kind) => (_outstanding, milliseconds) =>
    flood({
      publish: () => here.publishUnconfirmed(`ours.${kind}`, data),
      flush: () => here.flush({ signal }),
      received: () => received[kind],
    }, milliseconds);
  return {
    request: () => here.request("ours.echo", data, { signal }),
    requestOfficial: () => here.request("ours.official", data, { signal }),
    publish: () => here.publish("ours.quiet", data, { signal }),
    iterateLoop: flooding("iterate"),
    handleLoop: flooding("handle"),
    async connect() {
      const connection = await connect(url, { signal });
      await connection.goodbye({ signal });
    },
  };
}

/** What is under load while the server is killed. `receive` is told what has arrived. */
export async function startLoads(url, name) {
  const connection = await connect(url);
  // On the connection that publishes: it is subscribed again before anything is published again, and what the server
  // sends it before it confirms a publish comes before the confirmation.
  const loads = {
    "publish, confirmed": {
      publish: (text) => connection.publish(`load.${name}`, text),
      flush: () => connection.flush(),
      async start(receive) {
        const options = { overflow: "fail", capacity: 1_000_000 };
        const subscription = await connection.subscribe(`load.${name}`, options);
        void subscription.consume((message) => receive(message.text()), { concurrency: 64 });
      },
    },
  };
  const manager = await jetstreamManager(connection.raw);
  await manager.streams.add({ name, subjects: [`stream.${name}`] });
  const numbers = new Set();
  loads["publishToStream, acknowledged"] = {
    pause: 20,
    async publish(text) {
      numbers.add((await connection.publishToStream(`stream.${name}`, text)).seq);
    },
    /** How many of those acknowledged the stream has: each under a number of its own, and none was deleted. */
    async stored() {
      const { state } = await manager.streams.info(name);
      const kept = state.first_seq === 1 && (state.num_deleted ?? 0) === 0;
      return kept ? [...numbers].filter((number) => number <= state.last_seq).length : 0;
    },
  };
  return loads;
}
