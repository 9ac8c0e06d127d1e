import { Socket } from "node:net";
import { systemNetwork, type Transport } from "../../lib/net/mod.ts";
import { type ClientOptions, eventMesh, nats, type Protocol } from "../contracts/protocols.ts";
import { type Late, startFakeNats } from "../nats/server.ts";
import { blackhole } from "../net/blackhole.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { startFakeServer } from "../support/fake_server.ts";

/** Somewhere to connect to. */
export interface Place {
  readonly protocol: Protocol;
  readonly url: string;
  readonly options: Pick<ClientOptions, "tls">;
  /** Streams that are open there. */
  streams(): number;
  end(): Promise<unknown>;
}

/** A listener that takes every stream and says nothing. */
async function silent(protocol: Protocol, scheme: string, options: Place["options"] = {}): Promise<Place> {
  const accepted = new Set<Transport>();
  const listener = await systemNetwork().listen({ host: "127.0.0.1", port: 0 }, {
    connection(transport) {
      accepted.add(transport);
      void transport.closed.then(() => accepted.delete(transport));
      transport.start({ data() {}, end: () => transport.end(), drain() {} });
    },
    handshakeError() {},
    acceptError() {},
  }, {});
  return {
    protocol,
    url: `${scheme}://127.0.0.1:${(listener.address as { port: number }).port}`,
    options,
    streams: () => accepted.size,
    async end() {
      await listener.close();
      for (const transport of accepted) transport.destroy();
      await Promise.all([...accepted].map(({ closed }) => closed));
    },
  };
}

async function answering(url: (url: string) => string = (same) => same): Promise<Place> {
  const server = await startFakeServer({ network: systemNetwork() });
  return {
    protocol: eventMesh,
    url: url(server.url),
    options: {},
    streams: () => server.open.length,
    end: () => server.close(),
  };
}

/** A NATS server that is late with something for ever, or with nothing. */
async function answeringNats(late?: Late): Promise<Place> {
  const server = await startFakeNats({ network: systemNetwork() });
  server.late = late;
  return {
    protocol: nats,
    url: server.url,
    options: {},
    streams: () => server.open.length,
    end: () => server.close(),
  };
}

/** A server that goes without a word, with TLS where the place has it. */
export async function mortal(
  { options: { tls }, protocol }: Place,
): Promise<{ url: string; close(): Promise<unknown> }> {
  const network = systemNetwork();
  if (protocol === nats) return await startFakeNats({ network });
  if (tls === undefined) return await startFakeServer({ network });
  const server = await startFakeServer({
    network,
    target: { host: "127.0.0.1", port: 0, tls: { cert, key } },
  });
  return { url: server.url.replace("eventmesh:", "eventmesh+tls:"), close: () => server.close() };
}

/** Where a connect gets stuck, fails, or succeeds. */
export const places: Readonly<Record<string, () => Promise<Place>>> = {
  "a port whose queue is full": async () => {
    const { port, close } = await blackhole();
    const url = `eventmesh://127.0.0.1:${port}`;
    return { protocol: eventMesh, url, options: {}, streams: () => 0, end: close };
  },
  "a peer that stalls the TLS handshake": () => silent(eventMesh, "eventmesh+tls", { tls: { ca } }),
  "a server that leaves the hello unanswered": () => silent(eventMesh, "eventmesh"),
  "a port where nobody listens": async () => {
    const place = await silent(eventMesh, "eventmesh");
    await place.end();
    return { ...place, end: () => Promise.resolve() };
  },
  "a server that answers": () => answering(),
  "a server with a name": () => answering((url) => url.replace("127.0.0.1", "localhost")),
  "a NATS server that says nothing": () => silent(nats, "nats"),
  "a NATS server that leaves the hello unanswered": () => answeringNats("hello"),
  "a NATS server that answers": () => answeringNats(),
};

/** A peer of a server that has only just connected, and what it says then. */
export function raw(port: number, words: string): { readonly socket: Socket; readonly gone: Promise<void> } {
  const socket = new Socket();
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => {}).resume();
  socket.connect(port, "127.0.0.1", () => words === "" || socket.write(words, "latin1"));
  return { socket, gone };
}
