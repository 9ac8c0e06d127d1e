import { memory, tcp } from "../contracts/grounds.ts";
import { openingContract } from "../contracts/opening.ts";
import { leakGate } from "../support/leak.ts";
import { natsOpenings } from "./fixtures.ts";

const gate = leakGate();

const [connecting] = natsOpenings(gate, tcp);

for (const { name, fixture } of [...natsOpenings(gate, memory), connecting!]) openingContract(name, fixture);
