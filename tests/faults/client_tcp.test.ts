import { leakGate } from "../support/leak.ts";
import { clientFaults } from "./client.ts";
import { tcp } from "./kit.ts";

leakGate();
clientFaults(tcp);
