/** A group that ends in order: a snapshot first, then the services, then the driver below them, all in bounded time. */
import { connect, createScope, type Message, type Scope } from "gracewire";
import { startBroker } from "gracewire/broker";

export interface Service {
  handle(message: Message): void | Promise<void>;
  /** What must not be lost when the service ends. */
  snapshot(): Promise<void>;
}

export async function startGroup(
  services: Record<string, Service>,
  options: { signal?: AbortSignal; grace?: number } = {},
): Promise<{ group: Scope; url: string }> {
  const group = createScope({ name: "group", ...options });
  try {
    const driver = group.use(await startBroker({ port: 0, name: "driver" }));
    const running = group.use(createScope({ name: "services" }));
    for (const [topic, service] of Object.entries(services)) {
      const connection = running.use(await connect(driver.url, { signal: group.draining }));
      const messages = running.use(await connection.subscribe(topic));
      void messages.consume((message) => service.handle(message));
    }
    group.defer(async function snapshot() { // what is added last ends first
      for (const service of Object.values(services)) await service.snapshot();
    });
    return { group, url: driver.url };
  } catch (error) {
    await group.goodbye({ reason: error });
    throw error;
  }
}
