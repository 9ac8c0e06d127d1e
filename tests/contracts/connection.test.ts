import { leakGate } from "../support/leak.ts";
import { connectionContract } from "./connection.ts";
import { openWorld } from "./connection_world.ts";
import { memory } from "./grounds.ts";
import { eventMesh } from "./protocols.ts";

const gate = leakGate();

connectionContract("EventMesh over memory", { open: () => openWorld(eventMesh, memory, gate) });
