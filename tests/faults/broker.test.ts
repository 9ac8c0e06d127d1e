import { describe } from "vitest";
import { leakGate } from "../support/leak.ts";
import { brokerFaults, memory } from "./broker.ts";

leakGate();

describe("the broker over memory", () => brokerFaults(memory));
