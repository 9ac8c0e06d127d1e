import { type Counted, memoryNetwork, type Network, systemNetwork } from "../../lib/net/mod.ts";
import type { BrokerOptions } from "../../lib/broker/mod.ts";
import type { EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import { ca, cert, key } from "../support/certificate.ts";

/** A kind of stream that a contract runs over. */
export interface Ground {
  readonly name: "memory" | "tcp" | "tls";
  network(): Network & Counted;
  /** What a server needs to listen there. */
  readonly server: Pick<BrokerOptions, "tls">;
  /** What a client needs to connect there. */
  readonly client: Pick<EventMeshOptions, "tls">;
}

export const memory: Ground = { name: "memory", network: () => memoryNetwork(), server: {}, client: {} };
export const tcp: Ground = { name: "tcp", network: () => systemNetwork(), server: {}, client: {} };
export const tls: Ground = {
  name: "tls",
  network: () => systemNetwork(),
  server: { tls: { cert, key } },
  client: { tls: { ca } },
};
export const grounds: readonly Ground[] = [memory, tcp, tls];
