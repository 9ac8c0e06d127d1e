import { describe } from "vitest";
import { fixture } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { brokerFaults, memory } from "./broker.ts";
import { brokerVictim } from "./sessions.ts";
import { faultStages } from "./stages.ts";

leakGate();

describe("the broker over memory", () => brokerFaults(memory));
faultStages(brokerVictim, fixture.memory);
