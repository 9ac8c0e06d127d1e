import { describe } from "vitest";
import { fixture } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { brokerFaults, tcp } from "./broker.ts";
import { brokerVictim } from "./sessions.ts";
import { faultStages } from "./stages.ts";

leakGate();

describe("the broker over TCP", () => brokerFaults(tcp));
faultStages(brokerVictim, fixture.tcp);
