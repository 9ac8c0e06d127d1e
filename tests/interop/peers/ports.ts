import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:net";

/**
 * Ports that are free at this moment, each with the two below it, as some servers take those too.
 *
 * They lie below those that the system gives to outgoing connections: while a server restarts, nobody gets its port by
 * chance, and a client that dials it meanwhile cannot end up with itself.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === 1_000) throw new Error(`Cannot find ${count} free ports from ${first} to ${last}`);
    const port = first + 2 + Math.floor(Math.random() * (last - first - 2));
    const wanted = [port - 2, port - 1, port];
    if (wanted.some((one) => given.has(one)) || !(await areFree(wanted))) continue;
    for (const one of wanted) given.add(one);
    ports.push(port);
  }
  return ports;
}

async function areFree(ports: readonly number[]): Promise<boolean> {
  const servers = await Promise.all(ports.map((port) =>
    new Promise<Server | undefined>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(server));
    })
  ));
  await Promise.all(
    servers.map((server) => new Promise<void>((resolve) => server?.close(() => resolve()) ?? resolve())),
  );
  return servers.every((server) => server !== undefined);
}

function lowestOutgoing(): number {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").split(/\s+/)[0]);
  } catch {
    return 32_768;
  }
}

const first = 10_000;
const last: number = Math.max(first + 5_000, Math.min(32_767, lowestOutgoing() - 1));
const given: Set<number> = new Set();
