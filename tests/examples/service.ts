import process from "node:process";
import { setTimeout as work } from "node:timers/promises";
import { connect } from "gracewire";
import { run } from "gracewire/process";

await run(async (scope) => {
  const url = process.argv[2] ?? "eventmesh://127.0.0.1:10000";
  const connection = scope.use(await connect(url, { signal: scope.draining }));
  const jobs = scope.use(await connection.subscribe("jobs", { type: "sync" }));
  await jobs.consume(async (message, { draining, signal }) => {
    draining.throwIfAborted(); // not begun: what throws is not acknowledged, and another worker gets it
    await work(100, undefined, { signal }); // begun: finished, unless the time of the goodbye runs out
    return `${message.text()} is done`; // acknowledged
  });
});
