import { leakGate } from "../support/leak.ts";
import { endingContract } from "./ending.ts";
import { acceptedEnding, sessionEnding } from "./ending_fixtures.ts";
import { brokerFixture, scopeFixture, serverFixture } from "./endpoints.ts";
import { memory } from "./grounds.ts";

const gate = leakGate();

endingContract(scopeFixture.name, scopeFixture.fixture);
for (const { name, fixture } of [serverFixture(gate, memory), brokerFixture(gate, memory)]) {
  endingContract(name, { ...fixture, mortal: true });
}
endingContract("connection of a server over memory", acceptedEnding(gate, memory));
endingContract("session on a stream of its own over memory", sessionEnding(gate, memory, "owned"));
endingContract("session on a borrowed stream over memory", sessionEnding(gate, memory, "borrowed"));
