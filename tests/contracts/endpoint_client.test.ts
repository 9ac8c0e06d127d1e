import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { leakGate } from "../support/leak.ts";
import { endpointContract, type OpenEndpoint } from "./endpoint.ts";
import { type Ground, grounds } from "./grounds.ts";
import { hold, Work } from "./work.ts";

const gate = leakGate();

for (const ground of grounds) {
  endpointContract(`EventMesh connection over ${ground.name}`, { open: () => openConnection(ground) });
  endpointContract(`EventMesh subscription over ${ground.name}`, {
    governed: "forced",
    open: ({ signal }) => openSubscription(ground, signal),
  });
}

async function openConnection(ground: Ground): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const broker = await startBroker({ port: 0, network, ...ground.server });
  const connection = await connect(broker.url, { network, ...ground.client });
  const work = new Work();
  return {
    endpoint: connection,
    async occupy() {
      hold(await connection.subscribe("work"), work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    end: () => broker.goodbye(),
  };
}

async function openSubscription(ground: Ground, signal: AbortSignal | undefined): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const broker = await startBroker({ port: 0, network, ...ground.server });
  const connection = await connect(broker.url, { network, ...ground.client });
  const subscription = await connection.subscribe("work", signal === undefined ? {} : { signal });
  const work = new Work();
  return {
    endpoint: subscription,
    async occupy() {
      hold(subscription, work);
      await connection.publish("work", "to be handled");
      await work.started;
    },
    release: () => work.release(),
    async end() {
      await connection.goodbye();
      await broker.goodbye();
    },
  };
}
