/** Sends back what it gets. Ctrl-C or SIGTERM ends it in order: what was received is answered, then it says FIN. */
import process from "node:process";
import { run } from "gracewire/process";
import { serve } from "gracewire/server";

await run(async (scope) => {
  const server = await serve(async (connection) => {
    for await (const chunk of connection.readable) await connection.write(chunk);
  }, {
    port: Number(process.argv[2] ?? 0),
    limits: { connections: 1_000, idleTimeout: 60_000 },
    signal: scope.draining,
  });
  scope.use(server);
  console.log(server.url);
  await server.closed;
});
