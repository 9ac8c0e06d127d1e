import { afterAll, beforeAll } from "vitest";
import { poolContract } from "../contracts/pool.ts";
import { leakGate } from "../support/leak.ts";
import { natsServer } from "./peers/nats.ts";
import { withPeers } from "./peers/needs.ts";
import { type NatsPair, openNatsWorld, startPair } from "./pool_world.ts";

const version = "2.15.2";

await withPeers("a pool of connections to a NATS server", [natsServer(version)], () => {
  let servers: NatsPair;
  beforeAll(async () => {
    servers = await startPair(version);
  });
  afterAll(async () => {
    await Promise.all([servers?.main.stop(), servers?.spare.stop()]);
  });
  const gate = leakGate();

  poolContract("NATS connections", {
    virtual: false,
    holes: 500,
    open: () => Promise.resolve(openNatsWorld(gate, servers)),
  }, { leave: true, swallow: true });
});
