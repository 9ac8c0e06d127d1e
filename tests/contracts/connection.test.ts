import { leakGate } from "../support/leak.ts";
import { connectionContract } from "./connection.ts";
import { openWorld } from "./eventmesh_world.ts";
import { memory } from "./grounds.ts";

const gate = leakGate();

connectionContract("EventMesh over memory", { open: () => openWorld(memory, gate) });
