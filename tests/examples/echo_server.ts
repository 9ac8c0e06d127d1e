import process from "node:process";
import { run } from "gracewire/process";
import { serve } from "gracewire/server";

await run(async (scope) => {
  const server = await serve(async (connection) => {
    for await (const chunk of connection.readable) await connection.write(chunk);
  }, { port: Number(process.argv[2] ?? 0), limits: { idleTimeout: 60_000 }, signal: scope.draining });
  scope.use(server);
  console.log(server.url);
  await server.closed; // after Ctrl-C: what was received is answered, then every peer gets a FIN
});
