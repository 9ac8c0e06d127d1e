import { leakGate } from "../support/leak.ts";
import { arrivalContract } from "./arrival.ts";
import { brokerArrivals, handshakeArrivals } from "./arrival_fixtures.ts";
import { memory, tcp } from "./grounds.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  arrivalContract(`broker over ${ground.name}`, brokerArrivals(gate, ground));
}
arrivalContract("server over tls", handshakeArrivals(gate));
