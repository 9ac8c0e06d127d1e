import { leakGate } from "../support/leak.ts";
import { endpointContract } from "./endpoint.ts";
import { scopeFixture, serverFixture } from "./endpoints.ts";
import { grounds } from "./grounds.ts";

const gate = leakGate();

for (const { name, fixture } of [scopeFixture, ...grounds.map((ground) => serverFixture(gate, ground))]) {
  endpointContract(name, fixture);
}
