import { leakGate } from "../support/leak.ts";
import { tcp } from "./grounds.ts";
import { poolContract } from "./pool.ts";
import { eventMeshPool } from "./pool_eventmesh.ts";
import { natsPool } from "./pool_nats.ts";

const gate = leakGate();
const all = { leave: true, swallow: true };

poolContract("EventMesh connections over tcp", eventMeshPool(gate, tcp), all);
poolContract("NATS connections over tcp", natsPool(gate, tcp), all);
