import { leakGate } from "../support/leak.ts";
import { connectionContract } from "./connection.ts";
import { openWorld } from "./eventmesh_world.ts";
import { tls } from "./grounds.ts";

const gate = leakGate();

connectionContract("EventMesh over tls", { open: () => openWorld(tls, gate) });
