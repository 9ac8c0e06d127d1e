import { leakGate } from "../support/leak.ts";
import { memory } from "./grounds.ts";
import { poolContract } from "./pool.ts";
import { eventMeshPool } from "./pool_eventmesh.ts";
import { memoryPool } from "./pool_memory.ts";

const gate = leakGate();

poolContract("members in memory", memoryPool, { leave: true, swallow: true });
poolContract("EventMesh connections over memory", eventMeshPool(gate, memory), {
  leave: true,
  swallow: true,
});
