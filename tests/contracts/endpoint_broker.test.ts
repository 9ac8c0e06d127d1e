import { leakGate } from "../support/leak.ts";
import { endpointContract } from "./endpoint.ts";
import { brokerFixture } from "./endpoints.ts";
import { grounds } from "./grounds.ts";

const gate = leakGate();

for (const { name, fixture } of grounds.map((ground) => brokerFixture(gate, ground))) {
  endpointContract(name, fixture);
}
