import { leakGate } from "../support/leak.ts";
import { memory } from "./grounds.ts";
import { openingContract } from "./opening.ts";
import { serverOpenings, sessionOpenings } from "./opening_fixtures.ts";

const gate = leakGate();

for (const { name, fixture } of [...serverOpenings(gate, memory), ...sessionOpenings(gate, memory)]) {
  openingContract(name, fixture);
}
