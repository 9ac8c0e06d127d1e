import { leakGate } from "../support/leak.ts";
import { endingContract } from "./ending.ts";
import { connectionFixture, subscriptionFixture } from "./endpoints.ts";
import { memory, tcp } from "./grounds.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  for (const { name, fixture } of [connectionFixture(gate, ground), subscriptionFixture(gate, ground)]) {
    endingContract(name, { ...fixture, mortal: true, peer: true, reconnects: true });
  }
}
