import { leakGate } from "../support/leak.ts";
import { endpointContract } from "./endpoint.ts";
import { connectionFixture, subscriptionFixture } from "./endpoints.ts";
import { grounds } from "./grounds.ts";

const gate = leakGate();

for (const ground of grounds) {
  for (const { name, fixture } of [connectionFixture(gate, ground), subscriptionFixture(gate, ground)]) {
    endpointContract(name, fixture);
  }
}
