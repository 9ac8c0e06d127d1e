import { connectionContract } from "../contracts/connection.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import { leakGate } from "../support/leak.ts";
import { openNatsWorld } from "./world.ts";

const gate = leakGate();

for (const ground of [memory, tcp]) {
  connectionContract(`NATS over ${ground.name}`, { open: () => openNatsWorld(ground, gate) });
}
