// The official client, bare.
import { connect } from "@nats-io/transport-node";
import { flood } from "./nats_flood.mjs";

export async function startClient(url) {
  const data = new Uint8Array(128).fill(120);
  const open = (options) => connect({ servers: url, ...options });
  const [here, untraced, there] = [await open(), await open({ noAsyncTraces: true }), await open()];
  there.subscribe("theirs.echo", { callback: (_error, message) => message.respond(message.data) });
  const received = { iterate: 0, handle: 0 };
  void (async () => {
    for await (const message of there.subscribe("theirs.iterate")) {
      if (message.data.byteLength === 128) received.iterate++;
    }
  })();
  there.subscribe("theirs.handle", {
    callback(_error, message) {
      if (message.data.byteLength === 128) received.handle++;
    },
  });
  await there.flush();
  const flooding = (kind) => (_outstanding, milliseconds) =>
    flood({
      publish: () => here.publish(`theirs.${kind}`, data),
      flush: () => here.flush(),
      received: () => received[kind],
    }, milliseconds);
  return {
    request: () => here.request("theirs.echo", data, { timeout: 5_000 }),
    requestUntraced: () => untraced.request("theirs.echo", data, { timeout: 5_000 }),
    publish() {
      here.publish("theirs.quiet", data);
      return here.flush();
    },
    iterateLoop: flooding("iterate"),
    handleLoop: flooding("handle"),
    async connectDrain() {
      const connection = await open();
      await connection.drain();
    },
    async connectClose() {
      const connection = await open();
      await connection.close();
    },
  };
}

/** What is under load while the server is killed. `receive` is told what has arrived. */
export async function startLoads(url, name) {
  const load = async (subject, publish) => {
    const connection = await connect({ servers: url });
    return {
      publish: (text) => publish(connection, subject, text),
      flush: () => connection.flush(),
      start(receive) {
        connection.subscribe(subject, { callback: (_error, message) => receive(message.string()) });
      },
    };
  };
  return {
    "publish": await load(`plain.${name}`, (connection, subject, text) => connection.publish(subject, text)),
    "publish, flush": await load(`flushed.${name}`, (connection, subject, text) => {
      connection.publish(subject, text);
      // In the same tick: a later one may be answered by the next server, which has not seen the message.
      return connection.flush();
    }),
  };
}
