/**
 * Connections of a server that come and go by the thousand, and what they leave behind.
 *
 * @module
 */
import { memoryNetwork, type Network, systemNetwork, type Transport } from "../../../lib/net/mod.ts";
import { serve, type ServerConnection } from "../../../lib/server/mod.ts";
import { growthOf, repeat, signal, tell, tellMedian } from "../growth.ts";

await connections("in memory", memoryNetwork(), 10_000, 10);
await connections("over TCP", systemNetwork(), 1_000, 4);

/** Connections of a server that come and go: half of them are ended by the server. */
async function connections(where: string, network: Network, count: number, lanes: number): Promise<void> {
  const waiting: ((connection: ServerConnection) => void)[] = [];
  const server = await serve(async (connection) => {
    waiting.shift()!(connection);
    for await (const chunk of connection.readable) await connection.write(chunk, { signal });
  }, { network });
  const target = server.address as { host: string; port: number };
  const open = async (): Promise<[Transport, ServerConnection]> => {
    const accepted = new Promise<ServerConnection>((resolve) => waiting.push(resolve));
    const client = await network.dial(target, { signal });
    client.start({ data() {}, end: () => client.end(), drain() {} });
    return [client, await accepted];
  };
  let turn = 0;
  const cycle = async (): Promise<void> => {
    const [client, connection] = await open();
    if (++turn % 2 === 0) await connection.goodbye({ signal });
    else client.end();
    await Promise.all([client.closed, connection.closed]);
  };
  tell(await growthOf(`connections of a server ${where}`, count, (part) => repeat(part, lanes, cycle)));
  await tellMedian(`goodbye of a connection ${where}`, async () => {
    const [, connection] = await open();
    return () => connection.goodbye();
  });
  await server.goodbye();
}
