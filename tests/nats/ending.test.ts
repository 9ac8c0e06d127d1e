import { endingContract } from "../contracts/ending.ts";
import { memory } from "../contracts/grounds.ts";
import { leakGate } from "../support/leak.ts";
import { natsEndpoints } from "./fixtures.ts";

const gate = leakGate();

for (const { name, fixture } of natsEndpoints(gate, memory)) {
  // A server of NATS says no goodbye: it goes.
  endingContract(name, { ...fixture, mortal: true, reconnects: !name.includes("shared") });
}
