import { leakGate } from "../support/leak.ts";
import { endingContract } from "./ending.ts";
import { endpointContract } from "./endpoint.ts";
import { memory, tcp } from "./grounds.ts";
import { eventMeshPoolEnding, memoryPoolEnding } from "./pool_fixtures.ts";

const gate = leakGate();

endpointContract("pool of members in memory", memoryPoolEnding);
for (const ground of [memory, tcp]) {
  endpointContract(`pool of EventMesh connections over ${ground.name}`, eventMeshPoolEnding(gate, ground));
}
endingContract("pool of members in memory", memoryPoolEnding);
