import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import {
  type Counted,
  type ListenAddress,
  memoryNetwork,
  type Network,
  systemNetwork,
} from "../../lib/net/mod.ts";
import type { NetworkOptions, Transport, TransportTarget } from "../../lib/net/mod.ts";
import { type ConnectionHandler, serve, type ServeOptions, type Server } from "../../lib/server/mod.ts";
import { bodyAndEnd, bytesOf, settled } from "../contracts/bench.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { openSockets } from "../support/descriptors.ts";
import { differs } from "../support/env.ts";
import { until } from "../support/until.ts";

export { bytesOf, rejection, textOf } from "../contracts/bench.ts";

/** A kind of network to serve on. */
export interface ServeFixture {
  readonly kind: Transport["kind"];
  /** A reset reaches the peer as an error; elsewhere it is a plain end. */
  readonly resets: boolean;
  network(options?: NetworkOptions): Network & Counted;
  options(folder: string): ServeOptions;
  target(address: ListenAddress): TransportTarget;
}

const tcp: ServeFixture = {
  kind: "tcp",
  resets: true,
  network: systemNetwork,
  options: () => ({}),
  target: (address) => address,
};
const tls: ServeFixture = {
  kind: "tls",
  resets: false,
  network: systemNetwork,
  options: () => ({ tls: { cert, key } }),
  target: (address) => "path" in address ? address : { ...address, tls: { ca } },
};
const unix: ServeFixture = {
  kind: "unix",
  resets: false,
  network: systemNetwork,
  options: (folder) => ({ path: join(folder, "server.sock") }),
  target: (address) => address,
};
const memory: ServeFixture = { ...tcp, kind: "memory", network: memoryNetwork };

export const fixtures: readonly ServeFixture[] = differs.lacksUnixSockets
  ? [tcp, tls, memory]
  : [tcp, tls, unix, memory];
export const fixture: Readonly<Record<"tcp" | "tls" | "memory", ServeFixture>> = { tcp, tls, memory };

/** The bench of one test: servers, their peers, and the proof that nothing is left of them. */
export class Rig {
  readonly fixture: ServeFixture;
  readonly network: Network & Counted;
  readonly servers: Server[] = [];
  readonly peers: Peer[] = [];
  readonly #folder: string = mkdtempSync(join(tmpdir(), "gracewire-"));
  readonly #sockets: number | undefined = openSockets();

  constructor(fixture: ServeFixture, options?: NetworkOptions) {
    this.fixture = fixture;
    this.network = fixture.network(options);
  }

  /** Where to listen, in the way of this network. */
  get options(): ServeOptions {
    return { network: this.network, ...this.fixture.options(this.#folder) };
  }

  async serve(handler: ConnectionHandler, options: ServeOptions = {}): Promise<Server> {
    const server = await serve(handler, { ...this.options, ...options });
    this.servers.push(server);
    return server;
  }

  async connect(server: Server): Promise<Peer> {
    const peer = new Peer(await this.network.dial(this.fixture.target(server.address), {}));
    this.peers.push(peer);
    return peer;
  }

  /** A peer that the server has accepted. */
  async accepted(server: Server): Promise<Peer> {
    const { accepted } = server.inspect();
    const peer = await this.connect(server);
    await until(() => server.inspect().accepted > accepted, { what: "the connection to be accepted" });
    return peer;
  }

  /** Ends everything and proves that nothing is left. */
  async done(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.goodbye({ grace: 0 })));
    for (const { transport } of this.peers) transport.destroy();
    await Promise.all(this.peers.map(({ transport }) => transport.closed));
    rmSync(this.#folder, { recursive: true, force: true });
    await settled(this.network, this.#sockets);
  }
}

/** Runs a test on a rig and proves afterwards that nothing is left. */
export function rigTest(
  on: ServeFixture,
  body: (rig: Rig) => Promise<void>,
  options?: NetworkOptions,
): () => Promise<void> {
  return async () => {
    const rig = new Rig(on, options);
    await bodyAndEnd(() => body(rig), () => rig.done());
  };
}

/** The other end of a server's connection. It reads unless told otherwise, and answers FIN with FIN. */
export class Peer {
  readonly transport: Transport;
  #text = "";
  bytes = 0;
  /** The server has sent FIN. */
  ended = false;
  closed = false;
  error: Error | undefined;
  /** Answers the server's FIN with its own. */
  polite = true;
  onData: (chunk: Uint8Array) => void = () => {};

  constructor(transport: Transport) {
    this.transport = transport;
    void transport.closed.then((error) => {
      this.closed = true;
      this.error = error;
    });
    transport.start({
      data: (chunk) => {
        this.bytes += chunk.byteLength;
        this.onData(chunk);
        if (this.bytes < 65_536) this.#text += new TextDecoder().decode(chunk);
      },
      end: () => {
        this.ended = true;
        if (this.polite) transport.end();
      },
      drain() {},
    });
  }

  get text(): string {
    return this.#text;
  }

  send(text: string): void {
    this.transport.write(bytesOf(text));
  }

  async received(text: string): Promise<void> {
    await until(() => this.#text.length >= text.length, { what: `"${text}", have "${this.#text}"` });
    expect(this.#text).toBe(text);
  }

  /** The stream is over at this end; without an error unless one is expected. */
  async gone(): Promise<void> {
    await until(() => this.closed, { what: "the end of the stream" });
  }
}
