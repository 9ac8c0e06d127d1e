import { afterAll } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../../lib/broker/mod.ts";
import {
  connect,
  type EventMeshConnection,
  type EventMeshOptions,
  type EventMeshSubscribeOptions,
} from "../../../lib/eventmesh/mod.ts";
import type { Message } from "../../../lib/messaging/mod.ts";

/** Brokers and connections of one file, ended with it. */
export interface World {
  start(options?: BrokerOptions): Promise<Broker>;
  connect(url: string, options?: EventMeshOptions): Promise<EventMeshConnection>;
}

/** Keeps account of what a file starts. */
export function useWorld(): World {
  const brokers: Broker[] = [];
  const connections: EventMeshConnection[] = [];
  afterAll(async () => {
    for (const connection of connections) await connection.goodbye({ grace: 0 });
    for (const broker of brokers) await broker.goodbye({ grace: 0 });
  });
  return {
    async start(options = {}) {
      // Hearts of the Java SDK beat on command only.
      const broker = await startBroker({ port: 0, sessionExpiry: 600_000, ...options });
      brokers.push(broker);
      return broker;
    },
    async connect(url, options = {}) {
      const connection = await connect(url, options);
      connections.push(connection);
      return connection;
    },
  };
}

/** Subscribes, and gathers what comes; acknowledged at once. */
export async function gather(
  connection: EventMeshConnection,
  topic: string,
  options: EventMeshSubscribeOptions = {},
): Promise<Message[]> {
  const messages: Message[] = [];
  const subscription = await connection.subscribe(topic, options);
  void subscription.consume((message) => void messages.push(message));
  return messages;
}

/** The port that a broker listens on. */
export function portOf({ address }: Broker): { port: number } {
  if ("path" in address) throw new Error("It listens on a path");
  return { port: address.port };
}

/** Data of a CloudEvent is JSON to the SDK: a text is one in quotes there. */
export function textOf(message: Message): string {
  const text = message.text();
  return text.startsWith('"') ? JSON.parse(text) as string : text;
}
