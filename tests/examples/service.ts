import { connect } from "gracewire";
import { run } from "gracewire/process";

await run(async (scope) => {
  const connection = scope.use(
    await connect(process.argv[2] ?? "eventmesh://127.0.0.1:10000", { signal: scope.draining }),
  );
  const jobs = scope.use(await connection.subscribe("jobs", { type: "sync" }));
  await jobs.consume((message, { draining }) => {
    if (draining.aborted) return; // no time for a long one: unacknowledged, somebody else gets it
    return `${message.text()} is done`;
  });
});
