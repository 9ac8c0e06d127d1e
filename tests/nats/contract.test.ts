import { connectionContract } from "../contracts/connection.ts";
import { openWorld } from "../contracts/connection_world.ts";
import { grounds } from "../contracts/grounds.ts";
import { nats } from "../contracts/protocols.ts";
import { leakGate } from "../support/leak.ts";

const gate = leakGate();

for (const ground of grounds) {
  connectionContract(`NATS over ${ground.name}`, { open: () => openWorld(nats, ground, gate) });
}
