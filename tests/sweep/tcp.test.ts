import { describe } from "vitest";
import { systemNetwork } from "../../lib/net/mod.ts";
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

const tcp: SweepOptions = { network: systemNetwork, virtual: false, offsets: [0, 2], budget: 5_000 };

const broker = embeddedBroker();

describe("the EventMesh client at the embedded broker over TCP", () => {
  sweep("connect", connectScenario(broker), tcp);
  sweep("subscribe", subscribeScenario(broker, ["orders", "returns"]), tcp);
  sweep("publish", publishScenario(broker), tcp);
  sweep("request", requestScenario(broker, { responder: true }), tcp);
  sweep("goodbye", goodbyeScenario(broker), { ...tcp, offsets: [0], resolves: true });
});
