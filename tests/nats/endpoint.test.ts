import { endpointContract } from "../contracts/endpoint.ts";
import { clientFixtures } from "../contracts/endpoints.ts";
import { grounds } from "../contracts/grounds.ts";
import { nats } from "../contracts/protocols.ts";
import { leakGate } from "../support/leak.ts";

const gate = leakGate();

for (const ground of grounds) {
  for (const { name, fixture } of clientFixtures(gate, ground, nats)) endpointContract(name, fixture);
}
