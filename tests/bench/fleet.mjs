// Many connections of the client as it is published, that publish to one topic: `ADDRESS TOPIC COUNT`. And one that
// receives what they publish, as a server that stores nothing wants somebody to: `ADDRESS TOPIC`.
import { connect, TimeoutError } from "../../dist/mod.js";
import { nextMessage } from "./messages.mjs";

const { signal } = new AbortController();

export async function startClient(address, topic, count) {
  if (count === undefined) return await receive(address, topic);
  const open = () => connect(address, { signal });
  const connections = await Promise.all(Array.from({ length: Number(count) }, open));
  let next = 0;
  const over = async (connection) => {
    const { data, properties } = nextMessage();
    try {
      await connection.publish(topic, data, { properties, signal, timeout: 500 });
      return true;
    } catch (error) {
      // The runtime sends a confirmation to the wrong client now and then, when several publish at a time.
      if (error instanceof TimeoutError) return false;
      throw error;
    }
  };
  return {
    publish: () => over(connections[0]),
    publishOverAll: () => over(connections[next++ % connections.length]),
  };
}

/** To every subscriber, and the oldest go first: what a server does with those who come too late is not measured. */
async function receive(address, topic) {
  const connection = await connect(address, { signal });
  const subscription = await connection.subscribe(topic, {
    mode: "broadcasting",
    overflow: "drop-oldest",
    signal,
  });
  void subscription.consume(() => {}, { concurrency: 64 });
  return {};
}
