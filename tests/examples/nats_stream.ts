import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "gracewire/nats";

/** Stores orders in a stream, exactly once each, and reads them with the official client on the same connection. */
export async function main(url: string, signal: AbortSignal): Promise<string[]> {
  await using connection = await connect(url, { signal });
  const manager = await jetstreamManager(connection.raw);
  await manager.streams.add({ name: "SHOP", subjects: ["shop.*"] });

  for (const id of ["1", "2", "2"]) {
    const { seq, duplicate } = await connection.publishToStream("shop.orders", `order ${id}`, { id, signal });
    if (duplicate) console.log(`${id} was stored before, as number ${seq}`);
  }

  await manager.consumers.add("SHOP", { durable_name: "billing" });
  const consumer = await jetstream(connection.raw).consumers.get("SHOP", "billing");
  const texts: string[] = [];
  for await (const message of await consumer.fetch({ max_messages: 2, expires: 1_000 })) {
    texts.push(message.string());
    message.ack();
  }
  return texts;
}
