import { connect } from "gracewire";
import { startBroker } from "gracewire/broker";

await using broker = await startBroker({ port: 0 });
await using connection = await connect(broker.url);
await connection.publish("orders", JSON.stringify({ id: 7 }));
console.log("confirmed");
