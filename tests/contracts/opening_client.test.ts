import { leakGate } from "../support/leak.ts";
import { memory } from "./grounds.ts";
import { openingContract } from "./opening.ts";
import { clientOpenings } from "./opening_fixtures.ts";

for (const { name, fixture } of clientOpenings(leakGate(), memory)) openingContract(name, fixture);
