import { leakGate } from "../support/leak.ts";
import { tcp } from "./grounds.ts";
import { poolContract } from "./pool.ts";
import { eventMeshPool } from "./pool_eventmesh.ts";

const gate = leakGate();

poolContract("EventMesh connections over tcp", eventMeshPool(gate, tcp), { leave: true, swallow: true });
