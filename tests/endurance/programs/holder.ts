/**
 * A server that holds connections: a bare one of `node:net`, one of the server kit, or a broker.
 *
 * @module
 */
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { startBroker } from "../../../lib/broker/mod.ts";
import type { Farewell } from "../../../lib/lifecycle/mod.ts";
import { serve } from "../../../lib/server/mod.ts";
import { obey } from "../commands.ts";
import { held } from "../memory.ts";

interface Subject {
  readonly port: number;
  /** Connections that are there. */
  count(): number;
  end(): Promise<Farewell | undefined>;
}

const subjects: Readonly<Record<string, () => Promise<Subject>>> = { bare, kit, broker };

/** Milliseconds of silence after which each of them ends a connection. */
const idleTimeout = 300_000;

/**
 * An echo server as it is written by hand, with the least that it needs to end in order, and to get rid of the dead: its
 * sockets in a set, their errors looked after, and a limit for silence.
 */
async function bare(): Promise<Subject> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.setTimeout(idleTimeout, () => socket.end());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => socket.write(chunk));
    socket.on("end", () => socket.end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", 1_024, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    count: () => sockets.size,
    async end() {
      for (const socket of sockets) socket.end("bye\n");
      await new Promise((resolve) => server.close(resolve));
      return undefined;
    },
  };
}

/** The same with the server kit. */
async function kit(): Promise<Subject> {
  const bye = new TextEncoder().encode("bye\n");
  const server = await serve(async (connection) => {
    connection.onPhase("goodbye", () => connection.write(bye));
    for await (const chunk of connection.readable) await connection.write(chunk);
  }, { limits: { connections: 20_000, idleTimeout } });
  return { port: portOf(server.address), count: () => server.connections, end: () => server.goodbye() };
}

async function broker(): Promise<Subject> {
  const server = await startBroker({ port: 0, sessionExpiry: idleTimeout, limits: { sessions: 20_000 } });
  const count = (): number => server.inspect().sessions.length;
  return { port: portOf(server.address), count, end: () => server.goodbye() };
}

function portOf(address: { port: number } | { path: string }): number {
  return "port" in address ? address.port : 0;
}

const subject = await subjects[process.argv[2]!]!();

console.log(`port: ${subject.port}`);
await obey({
  count: () => subject.count(),
  memory: () => held(),
  async goodbye() {
    const start = performance.now();
    const cpu = process.cpuUsage();
    const farewell = await subject.end();
    const { system, user } = process.cpuUsage(cpu);
    return { took: performance.now() - start, cpu: (system + user) / 1_000, farewell };
  },
});
