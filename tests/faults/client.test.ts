import { leakGate } from "../support/leak.ts";
import { clientFaults } from "./client.ts";
import { memory } from "./kit.ts";

leakGate();
clientFaults(memory);
