import { describe } from "vitest";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { sweep, type SweepOptions } from "../support/sweep.ts";
import {
  connectScenario,
  goodbyeScenario,
  publishScenario,
  requestScenario,
  subscribeScenario,
} from "./scenarios.ts";
import { plainPeer } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true };

describe("the EventMesh client", () => {
  sweep("connect", connectScenario(plainPeer), memory);
  sweep("subscribe to one topic", subscribeScenario(plainPeer, "orders"), memory);
  sweep("subscribe to many topics", subscribeScenario(plainPeer, ["orders", "returns", "stock"]), memory);
  sweep("publish", publishScenario(plainPeer), memory);
  sweep("request", requestScenario(plainPeer), memory);
  sweep("goodbye", goodbyeScenario(plainPeer), { ...memory, offsets: [0, 1, 3], resolves: true });
});
