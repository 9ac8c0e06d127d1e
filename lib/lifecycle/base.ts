import type { AbortOptions, Endpoint, EndpointState, GoodbyeOptions } from "./endpoint.ts";
import type { EndpointEvent } from "./events.ts";
import type { Farewell } from "./farewell.ts";

/** What runs an endpoint: its own lifecycle, or the endpoint it is built on. */
export type EndpointCore = Omit<Endpoint, typeof Symbol.asyncDispose>;

/** The members that all endpoints have in common. */
export abstract class LivingEndpoint implements Endpoint {
  readonly #core: EndpointCore;

  constructor(core: EndpointCore) {
    this.#core = core;
  }

  get state(): EndpointState {
    return this.#core.state;
  }
  get draining(): AbortSignal {
    return this.#core.draining;
  }
  get signal(): AbortSignal {
    return this.#core.signal;
  }
  get closed(): Promise<Farewell> {
    return this.#core.closed;
  }

  events(options?: AbortOptions): AsyncIterableIterator<EndpointEvent> {
    return this.#core.events(options);
  }

  goodbye(options?: GoodbyeOptions): Promise<Farewell> {
    return this.#core.goodbye(options);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#core.goodbye();
  }
}
