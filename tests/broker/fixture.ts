import { afterEach } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import type { SubscriptionItem, UserAgent } from "../../lib/eventmesh/wire/mod.ts";
import { memoryNetwork, type Network } from "../../lib/net/mod.ts";
import { WireClient } from "../support/wire_client.ts";

/** Brokers and clients of one test. */
export interface Fixture {
  readonly network: Network;
  start(options?: BrokerOptions): Promise<Broker>;
  connect(): Promise<WireClient>;
  open(who?: Partial<UserAgent>): Promise<WireClient>;
  publisher(): Promise<WireClient>;
  subscriber(group: string, ...items: (SubscriptionItem | string)[]): Promise<WireClient>;
  /** The broker that was started last. */
  readonly broker: Broker;
}

/** Gives each test a network of its own, and ends what a test has left. */
export function useBroker(): Fixture {
  let network = memoryNetwork();
  let brokers: Broker[] = [];
  let clients: WireClient[] = [];
  const last = (): Broker => brokers.at(-1)!;
  const keep = async (client: Promise<WireClient>): Promise<WireClient> => {
    clients.push(await client);
    return client;
  };
  afterEach(async () => {
    const [oldBrokers, oldClients] = [brokers, clients];
    [brokers, clients, network] = [[], [], memoryNetwork()];
    for (const client of oldClients) await client.destroy();
    for (const broker of oldBrokers) await broker.goodbye({ grace: 0 });
  });
  return {
    get network() {
      return network;
    },
    get broker() {
      return last();
    },
    async start(options = {}) {
      const broker = await startBroker({ port: 0, network, ...options });
      brokers.push(broker);
      return broker;
    },
    connect: () => keep(WireClient.connect(last().url, { network })),
    open: (who = {}) => keep(WireClient.open(last().url, who, { network })),
    publisher: () => keep(WireClient.publisher(last().url, { network })),
    subscriber: (group, ...items) => keep(WireClient.subscriber(last().url, group, items, { network })),
  };
}

export const SUCCESS = { code: 0, description: "success" };
