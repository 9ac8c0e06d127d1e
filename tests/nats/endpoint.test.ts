import { endpointContract } from "../contracts/endpoint.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import { leakGate } from "../support/leak.ts";
import { natsEndpoints } from "./fixtures.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  for (const { name, fixture } of natsEndpoints(gate, ground)) endpointContract(name, fixture);
}
