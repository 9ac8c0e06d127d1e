import { connect } from "gracewire/nats";

/** Workers of one group share the orders; whoever asks gets the price of the first that answers. */
export async function main(url: string, signal: AbortSignal): Promise<string[]> {
  await using connection = await connect(url, { signal, name: "shop" });

  const done: string[] = [];
  for (const worker of ["anna", "ben"]) {
    const orders = await connection.subscribe("orders.*", { queue: "workers", signal });
    void orders.consume((message) => {
      done.push(`${message.topic} by ${worker}`);
      return `${message.text()} costs 50`; // The reply, where one is wanted.
    }, { concurrency: 4 });
  }

  // Resolves when the server has it.
  await connection.publish("orders.new", "tea", { id: "1", properties: { priority: "high" }, signal });
  const price = await connection.request("orders.price", "bread", { signal, timeout: 2_000 });
  done.push(price.text());

  // The goodbye waits for the handlers that run, and for what is on its way.
  await connection.goodbye();
  return done.map((line) => line.replace(/ by .*/, "")).sort();
}
