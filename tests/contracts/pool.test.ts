import { leakGate } from "../support/leak.ts";
import { memory } from "./grounds.ts";
import { poolContract } from "./pool.ts";
import { eventMeshPool } from "./pool_eventmesh.ts";
import { memoryPool } from "./pool_memory.ts";
import { natsPool } from "./pool_nats.ts";

const gate = leakGate();
const all = { leave: true, swallow: true };

poolContract("members in memory", memoryPool, all);
poolContract("EventMesh connections over memory", eventMeshPool(gate, memory), all);
poolContract("NATS connections over memory", natsPool(gate, memory), all);
