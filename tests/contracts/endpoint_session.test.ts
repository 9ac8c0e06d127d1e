import { leakGate } from "../support/leak.ts";
import { acceptedEnding, sessionEnding } from "./ending_fixtures.ts";
import { endpointContract } from "./endpoint.ts";
import { memory, tcp } from "./grounds.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  endpointContract(`connection of a server over ${ground.name}`, acceptedEnding(gate, ground));
  endpointContract(
    `session on a stream of its own over ${ground.name}`,
    sessionEnding(gate, ground, "owned"),
  );
  endpointContract(
    `session on a borrowed stream over ${ground.name}`,
    sessionEnding(gate, ground, "borrowed"),
  );
}
