/**
 * Clients that come and go by the thousand, and what they leave behind.
 *
 * @module
 */
import { startBroker } from "../../../lib/broker/mod.ts";
import { connect } from "../../../lib/eventmesh/mod.ts";
import { memoryNetwork, type Network, systemNetwork } from "../../../lib/net/mod.ts";
import { growthOf, repeat, signal, tell, tellMedian } from "../growth.ts";

await clients("in memory", memoryNetwork(), 10_000, 10);
await clients("over TCP", systemNetwork(), 1_000, 4);

/** Clients that come and go. A quarter of them is cut: the first hundred of these fill a list in the broker's Farewell. */
async function clients(where: string, network: Network, count: number, lanes: number): Promise<void> {
  const broker = await startBroker({ port: 0, network });
  let turn = 0;
  const cycle = async (): Promise<void> => {
    const cut = ++turn % 4 === 0;
    const connection = await connect(broker.url, { network, signal });
    if (turn % 5 === 0) await connection.subscribe("orders", { signal });
    await connection.goodbye(cut ? { grace: 0 } : { signal });
  };
  tell(await growthOf(`clients ${where}`, count, (part) => repeat(part, lanes, cycle)));
  await tellMedian(`goodbye of a client ${where}`, async () => {
    const connection = await connect(broker.url, { network });
    return () => connection.goodbye();
  });
  await broker.goodbye();
}
