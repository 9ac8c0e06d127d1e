import { leakGate } from "../support/leak.ts";
import { endingContract } from "./ending.ts";
import { clientFixtures } from "./endpoints.ts";
import { memory, tcp } from "./grounds.ts";
import { eventMesh } from "./protocols.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  for (const { name, fixture } of clientFixtures(gate, ground, eventMesh)) {
    endingContract(name, { ...fixture, mortal: true, peer: true, reconnects: true });
  }
}
