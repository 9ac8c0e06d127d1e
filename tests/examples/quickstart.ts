import { connect, formatFarewell } from "gracewire";
import { startBroker } from "gracewire/broker";

export async function main(signal: AbortSignal): Promise<void> {
  await using broker = await startBroker({ port: 0, signal });
  await using connection = await connect(broker.url, { signal });
  const orders = await connection.subscribe("orders", { signal });

  await connection.publish("orders", JSON.stringify({ id: 7 }), { signal });
  for await (const message of orders) {
    console.log(message.topic, message.json());
    message.ack();
    break;
  }

  const farewell = await connection.goodbye({ signal });
  console.log(formatFarewell(farewell));
} // an exception or an abort on the way here would have ended the connection and the broker just the same
