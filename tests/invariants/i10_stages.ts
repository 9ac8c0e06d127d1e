import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Command } from "../../lib/eventmesh/wire/mod.ts";
import { abortable } from "../../lib/lifecycle/abort.ts";
import type { Endpoint } from "../../lib/lifecycle/mod.ts";
import type { Message, Subscription } from "../../lib/messaging/mod.ts";
import type { Counted, ListenHandler, Network } from "../../lib/net/mod.ts";
import { createPool, type Pool } from "../../lib/pool/mod.ts";
import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import type { EndpointFixture } from "../contracts/endpoint.ts";
import type { Ground } from "../contracts/grounds.ts";
import { type FakeServer, startFakeServer } from "../support/fake_server.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { watchNetwork } from "../support/watch.ts";

/** A place where one operation is called, as often as one likes. */
export interface Stage {
  call(signal: AbortSignal): Promise<unknown>;
  /** Resolves when the call is under way. Where nothing can be seen of that, it is when it returns. */
  pends?(): Promise<unknown>;
  /** Lets what pends succeed, where it does not do so by itself. */
  answer?(): unknown;
  /** How much has happened outside of the call so far. */
  effects(): number;
  /** The endpoint that carries out the operation. */
  readonly endpoint?: Endpoint;
  /** Frees everything but what a call has made. */
  end(): Promise<unknown>;
}

/** How an operation is called. */
export interface How {
  readonly signal: AbortSignal;
}

/** Makes a place. */
export type Arrange = () => Promise<Stage>;

/** A listener of no interest. */
export const deaf: { readonly target: { host: string; port: number }; readonly handler: ListenHandler } = {
  target: { host: "127.0.0.1", port: 0 },
  handler: { connection() {}, handshakeError() {}, acceptError() {} },
};

/** What is at the other end of a client. */
interface Behind {
  readonly network: Network;
  readonly server: FakeServer;
  /** A stage without its call. */
  readonly stage: Pick<Stage, "effects" | "end"> & { pends(): Promise<unknown>; answer(): void };
}

interface Client extends Behind {
  readonly connection: EventMeshConnection;
  readonly stage: Behind["stage"] & { readonly endpoint: Endpoint };
}

/** Makes the places, on one kind of stream. */
export class Stages {
  readonly #gate: LeakGate;
  readonly #ground: Ground;

  constructor(gate: LeakGate, ground: Ground) {
    this.#gate = gate;
    this.#ground = ground;
  }

  #network(): Network & Counted {
    return this.#gate.watch(this.#ground.network());
  }

  /** An EventMesh server that leaves one command unanswered. */
  async #server(unanswered?: Command): Promise<Behind> {
    let steps = 0;
    const network = watchNetwork(this.#network(), () => steps++);
    const server = await startFakeServer({ network });
    if (unanswered !== undefined) server.hold(unanswered);
    let known = 0;
    const stage = {
      pends: () => server.saw(unanswered!, ++known),
      answer: () => server.release(unanswered!),
      effects: () => steps,
      end: () => server.close(),
    };
    return { network, server, stage };
  }

  async #connection(unanswered?: Command): Promise<Client> {
    const { network, server, stage } = await this.#server(unanswered);
    const connection = await connect(server.url, { network });
    const end = async (): Promise<void> => {
      await connection.goodbye({ grace: 0 });
      await server.close();
    };
    return { connection, network, server, stage: { ...stage, endpoint: connection, end } };
  }

  /** A server that leaves hellos unanswered. */
  hello(call: (url: string, how: How & { network: Network }) => Promise<unknown>): Arrange {
    return async () => {
      const { network, server, stage } = await this.#server("HELLO_REQUEST");
      return { ...stage, call: (signal) => call(server.url, { signal, network }) };
    };
  }

  /** A connection to a server that leaves a command unanswered. */
  call(command: Command, call: (connection: EventMeshConnection, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { connection, stage } = await this.#connection(command);
      return { ...stage, call: (signal) => call(connection, { signal }) };
    };
  }

  /** A pool whose first member is not let in. */
  pool(call: (pool: Pool<EventMeshConnection>, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { network, server, stage } = await this.#server("HELLO_REQUEST");
      const pool = createPool({
        open: (signal) => connect(server.url, { network, signal }),
        min: 0,
        max: 1,
      });
      const end = async (): Promise<void> => {
        await pool.goodbye({ grace: 0 });
        await server.close();
      };
      return { ...stage, endpoint: pool, call: (signal) => call(pool, { signal }), end };
    };
  }

  /** A subscription that gets nothing. */
  subscription(call: (subscription: Subscription, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { connection, stage: { effects, end } } = await this.#connection();
      const subscription = await connection.subscribe("a");
      return { effects, end, endpoint: subscription, call: (signal) => call(subscription, { signal }) };
    };
  }

  /** A loop over a subscription that gets nothing. */
  loop(): Arrange {
    return async () => {
      const { connection, stage: { effects, end, endpoint } } = await this.#connection();
      let [loops, known] = [0, 0];
      const call = async (signal: AbortSignal): Promise<void> => {
        const subscription = await connection.subscribe("a", { signal });
        loops++;
        for await (const _ of subscription) continue;
      };
      const pends = async (): Promise<void> => {
        await until(() => loops > known, { what: "the loop to begin" });
        known = loops;
      };
      return { effects, end, endpoint, pends, call };
    };
  }

  /** A message that wants a reply. */
  message(call: (message: Message, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { connection, server, stage: { effects, end } } = await this.#connection();
      const subscription = await connection.subscribe("a", { type: "sync" });
      server.last("sub").push("a", "a question", {
        command: "REQUEST_TO_CLIENT",
        properties: { correlation99id: "c", reply99to99client: "r" },
      });
      const { value } = await subscription[Symbol.asyncIterator]().next();
      return { effects, end, endpoint: subscription, call: (signal) => call(value, { signal }) };
    };
  }

  /** A server's connection whose peer does not read, with more written to it than there is room for. */
  write(call: (connection: ServerConnection, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const network = this.#network();
      let accept!: (connection: ServerConnection) => void;
      const accepted = new Promise<ServerConnection>((resolve) => accept = resolve);
      const server = await serve((connection) => {
        accept(connection);
        return new Promise((resolve) => connection.signal.addEventListener("abort", resolve));
      }, { network, ...this.#ground.server });
      const { host, port } = server.address as { host: string; port: number };
      const peer = await network.dial({ host, port, ...this.#ground.client }, {});
      peer.pause();
      peer.start({ data() {}, end: () => peer.end(), drain() {} });
      const connection = await accepted;
      // More than the kernel takes for a peer that does not read; in memory the high-water mark is all there is.
      void connection.write(new Uint8Array((this.#ground.name === "memory" ? 2 : 12) * 1_048_576));
      const bytes = (): number => server.inspect().connections[0]?.bytesOut ?? 0;
      return {
        call: (signal) => call(connection, { signal }),
        answer: () => peer.resume(),
        effects: bytes,
        endpoint: connection,
        async end() {
          peer.destroy();
          await server.goodbye({ grace: 0 });
          await peer.closed;
        },
      };
    };
  }

  /** A network where it takes a while to listen; `inner` is the same without the wait. */
  listen(call: (how: How & { network: Network }, inner: Network) => Promise<unknown>): Arrange {
    return () => {
      const inner = this.#network();
      let listens = 0;
      let open!: () => void;
      const gate = new Promise<void>((resolve) => open = resolve);
      const network: Network = {
        dial: inner.dial,
        async listen(target, handler, options) {
          listens++;
          await abortable(gate, options.signal);
          return await inner.listen(target, handler, options);
        },
      };
      return Promise.resolve({
        call: (signal) => call({ signal, network }, inner),
        answer: open,
        effects: () => listens + inner.open().listeners,
        end: () => Promise.resolve(),
      });
    };
  }

  /** A listener somewhere. */
  dial(call: (network: Network, port: number, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const network = this.#network();
      const listener = await network.listen(deaf.target, {
        ...deaf.handler,
        connection: (transport) => transport.destroy(),
      }, {});
      const { port } = listener.address as { port: number };
      return {
        call: (signal) => call(network, port, { signal }),
        effects: () => network.open().sockets,
        end: () => listener.close(),
      };
    };
  }

  /** An endpoint with work that goes on. */
  endpoint(fixture: EndpointFixture, call: (endpoint: Endpoint, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const open = await fixture.open({});
      await open.occupy();
      return {
        call: (signal) => call(open.endpoint, { signal }),
        effects: () => ["open", "closed"].indexOf(open.endpoint.state),
        endpoint: open.endpoint,
        answer: () => {
          open.release();
          void open.endpoint.goodbye();
        },
        async end() {
          open.release();
          await open.endpoint.goodbye({ grace: 0 });
          await open.end();
        },
      };
    };
  }

  /** No place is needed. */
  nothing(call: (how: How) => Promise<unknown>): Arrange {
    return () =>
      Promise.resolve({
        call: (signal) => call({ signal }),
        effects: () => 0,
        end: () => Promise.resolve(),
      });
  }
}
