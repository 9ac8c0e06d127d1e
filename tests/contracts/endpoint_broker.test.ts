import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { leakGate } from "../support/leak.ts";
import { endpointContract, type OpenEndpoint } from "./endpoint.ts";
import { type Ground, grounds } from "./grounds.ts";
import { hold, Work } from "./work.ts";

const gate = leakGate();

for (const ground of grounds) {
  endpointContract(`broker over ${ground.name}`, {
    governed: "graceful",
    open: ({ signal }) => openBroker(ground, signal),
  });
}

async function openBroker(ground: Ground, signal: AbortSignal | undefined): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const broker = await startBroker({ port: 0, network, signal, ...ground.server });
  const work = new Work();
  const clients: AsyncDisposable[] = [];
  return {
    endpoint: broker,
    async occupy() {
      const connection = await connect(broker.url, { network, reconnect: false, ...ground.client });
      clients.push(connection);
      hold(await connection.subscribe("work"), work);
      await connection.publish("work", "to be acknowledged");
      await work.started;
    },
    release: () => work.release(),
    end: () => Promise.all(clients.map((client) => client[Symbol.asyncDispose]())),
  };
}
