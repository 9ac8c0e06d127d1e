import { leakGate } from "../support/leak.ts";
import { connectionContract } from "./connection.ts";
import { openWorld } from "./eventmesh_world.ts";
import { tcp } from "./grounds.ts";

const gate = leakGate();

connectionContract("EventMesh over tcp", { open: () => openWorld(tcp, gate) });
