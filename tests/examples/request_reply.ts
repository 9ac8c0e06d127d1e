import { connect } from "gracewire";
import { startBroker } from "gracewire/broker";
import { run } from "gracewire/process";

await run(async (scope) => { // SIGINT or SIGTERM aborts scope.draining; at the end the scope ends what it owns
  const signal = scope.draining;
  const broker = scope.use(await startBroker({ port: 0 }));
  const connection = scope.use(await connect(broker.url, { signal }));
  const clock = await connection.subscribe("clock", { type: "sync" });
  void clock.consume((message) => `it is ${message.text()} o'clock`, { concurrency: 4 });

  const reply = await connection.request("clock", "twelve", { signal, timeout: 2_000 });
  console.log(reply.text());
});
