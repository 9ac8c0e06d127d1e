import { leakGate } from "../support/leak.ts";
import { clientFaults } from "./client.ts";

leakGate();
clientFaults("memory");
