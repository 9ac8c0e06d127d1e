import { connect, createScope, formatFarewell } from "gracewire";
import { startBroker } from "gracewire/broker";

const scope = createScope();
try {
  const broker = scope.use(await startBroker({ port: 0 }));
  const connection = scope.use(await connect(broker.url));
  const orders = await connection.subscribe("orders");

  await connection.publish("orders", JSON.stringify({ id: 7 }));
  for await (const message of orders) {
    console.log(message.topic, message.text());
    message.ack();
    break;
  }

  console.log(formatFarewell(await connection.goodbye()));
} finally {
  await scope.goodbye(); // what is still open, in reverse order, after an error too; never throws
}
