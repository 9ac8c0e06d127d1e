import { connect, createScope } from "gracewire";
import { startBroker } from "gracewire/broker";

export async function main(signal: AbortSignal): Promise<void> {
  const scope = createScope({ signal });
  try {
    const broker = scope.use(await startBroker({ port: 0, signal }));
    const connection = scope.use(await connect(broker.url, { signal }));
    await connection.publish("orders", JSON.stringify({ id: 7 }), { signal });
  } finally {
    const farewell = await scope.goodbye(); // the connection first, then the broker; never throws
    console.log(farewell.outcome);
  }
}
