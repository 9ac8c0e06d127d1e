import { describe } from "vitest";
import { leakGate } from "../support/leak.ts";
import { brokerFaults, tcp } from "./broker.ts";

leakGate();

describe("the broker over TCP", () => brokerFaults(tcp));
