import { leakGate } from "../support/leak.ts";
import { endingContract } from "./ending.ts";
import { endpointContract } from "./endpoint.ts";
import { memory, tcp } from "./grounds.ts";
import { memoryPoolEnding, poolFixture } from "./pool_fixtures.ts";
import { protocols } from "./protocols.ts";

const gate = leakGate();

endpointContract("pool of members in memory", memoryPoolEnding);
for (const ground of [memory, tcp]) {
  for (const protocol of protocols) {
    const { name, fixture } = poolFixture(gate, ground, protocol);
    endpointContract(name, fixture);
  }
}
endingContract("pool of members in memory", memoryPoolEnding);
