import process from "node:process";
import { createScope } from "gracewire";
import { connect } from "gracewire/nats";

const scope = createScope();
try {
  const url = process.argv[2] ?? "nats://127.0.0.1:4222";
  const connection = scope.use(await connect(url, { name: "shop" }));

  for (const worker of ["anna", "ben"]) { // they share the orders, as members of one queue
    const orders = await connection.subscribe("orders.*", { queue: "workers" });
    void orders.consume((message) => {
      console.log(`${message.topic} by ${worker}`);
      return `${message.text()} costs 50`; // the reply, where one is wanted
    }, { concurrency: 4 });
  }

  await connection.publish("orders.new", "tea", { id: "1" }); // resolves when the server has it
  const price = await connection.request("orders.price", "bread", { timeout: 2_000 });
  console.log(price.text());
} finally {
  await scope.goodbye(); // waits for the handlers that run, and for what is on its way
}
