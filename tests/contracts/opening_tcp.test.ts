import { leakGate } from "../support/leak.ts";
import { tcp } from "./grounds.ts";
import { openingContract } from "./opening.ts";
import { clientOpenings, serverOpenings, sessionOpenings } from "./opening_fixtures.ts";

const gate = leakGate();

for (const openings of [clientOpenings, serverOpenings, sessionOpenings]) {
  for (const { name, fixture } of openings(gate, tcp)) openingContract(name, fixture);
}
