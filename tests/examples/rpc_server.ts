/** Calls of methods as JSON, each with its length in four bytes before it. At the end every peer is told. */
import { ProtocolError } from "gracewire/errors";
import { run } from "gracewire/process";
import { serve } from "gracewire/server";

const methods = new Map([["add", (a: number, b = 0) => a + b], ["negate", (a: number) => -a]]);

async function* calls(chunks: AsyncIterable<Uint8Array>) {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4) {
      const end = 4 + rest.readUInt32BE();
      if (end > 65_536) throw new ProtocolError("Cannot read a call of more than 64 KiB", { offset: 0 });
      if (rest.length < end) break;
      yield JSON.parse(rest.toString("utf8", 4, end));
      rest = rest.subarray(end);
    }
  }
}

function frame(value: unknown): Uint8Array {
  const body = Buffer.from(JSON.stringify(value));
  return Buffer.concat([Buffer.from([0, 0, body.length >> 8, body.length & 255]), body]);
}

await run(async (scope) => {
  const server = await serve(async (connection) => {
    connection.onPhase("goodbye", () => connection.write(frame({ goodbye: "come back later" })));
    for await (const { id, method, params } of calls(connection.readable)) {
      await connection.write(
        frame({ id, result: methods.get(method)?.(...params as [number, number]) ?? null }),
      );
    }
  }, { signal: scope.draining });
  scope.use(server);
  console.log(server.url);
  await server.closed;
});
