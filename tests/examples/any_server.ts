import { connect } from "gracewire";

/**
 * Prices a few orders: the same program for the broker in this process, an EventMesh runtime and one on RocketMQ. Only
 * the URL differs.
 */
export async function main(url: string, signal: AbortSignal): Promise<string[]> {
  await using connection = await connect(url, { signal });

  const prices = await connection.subscribe("prices", { type: "sync", signal });
  void prices.consume((message) => `${message.text()} costs ${message.text().length * 10}`);

  const orders = await connection.subscribe("orders", { signal });
  for (const item of ["tea", "bread"]) await connection.publish("orders", item, { signal });

  const bills: string[] = [];
  await orders.consume(async (message) => {
    // A new subscription may have to wait for its first delivery from RocketMQ.
    const price = await connection.request("prices", message.text(), { signal, timeout: 60_000 });
    if (bills.push(price.text()) === 2) void orders.goodbye();
  });
  return bills.sort();
}
