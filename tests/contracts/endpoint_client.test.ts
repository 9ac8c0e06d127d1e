import { leakGate } from "../support/leak.ts";
import { endpointContract } from "./endpoint.ts";
import { clientFixtures } from "./endpoints.ts";
import { grounds } from "./grounds.ts";
import { eventMesh } from "./protocols.ts";

const gate = leakGate();

for (const ground of grounds) {
  for (const { name, fixture } of clientFixtures(gate, ground, eventMesh)) {
    endpointContract(name, fixture);
  }
}
