import { leakGate } from "../support/leak.ts";
import { eventMesh, withPeers } from "./peers/mod.ts";
import { faults } from "./runtime_faults.ts";
import { useRuntimes, versions } from "./runtime_world.ts";

leakGate();
const runtimes = useRuntimes();

for (const version of versions) {
  await withPeers(`a client of an EventMesh runtime ${version} that fails`, [eventMesh(version)], () => {
    faults(runtimes(version));
  });
}
