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
import { embeddedBroker } from "./peers.ts";

leakGate();

const memory: SweepOptions = { network: memoryNetwork, virtual: true, peerTimers: true };
const broker = embeddedBroker();

describe("the EventMesh client at the embedded broker", () => {
  sweep("connect", connectScenario(broker), memory);
  sweep("subscribe", subscribeScenario(broker, ["orders", "returns"]), memory);
  sweep("publish", publishScenario(broker), memory);
  sweep("request", requestScenario(broker, { responder: true }), memory);
  sweep("goodbye", goodbyeScenario(broker), { ...memory, offsets: [0, 1, 3], resolves: true });
});
