import { endingContract } from "../contracts/ending.ts";
import { clientFixtures } from "../contracts/endpoints.ts";
import { memory } from "../contracts/grounds.ts";
import { nats } from "../contracts/protocols.ts";
import { leakGate } from "../support/leak.ts";

const gate = leakGate();

for (const { name, fixture, shared } of clientFixtures(gate, memory, nats)) {
  // A server of NATS says no goodbye: it goes.
  endingContract(name, { ...fixture, mortal: true, peer: nats.polite, reconnects: !shared });
}
