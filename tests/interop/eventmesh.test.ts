import { describe } from "vitest";
import { leakGate } from "../support/leak.ts";
import { eventMesh, withPeers } from "./peers/mod.ts";
import { aborts } from "./runtime_aborts.ts";
import { commands } from "./runtime_commands.ts";
import { guidance } from "./runtime_guidance.ts";
import { messages } from "./runtime_messages.ts";
import { protocols, useRuntimes, versions } from "./runtime_world.ts";

leakGate();
const runtimes = useRuntimes();

for (const version of versions) {
  await withPeers(`a client of the EventMesh runtime ${version}`, [eventMesh(version)], () => {
    const world = runtimes(version);
    commands(world);
    describe.each(protocols)("with messages of protocol %s", (protocol) => messages(world, protocol));
    aborts(world);
  });
}

await withPeers("a client that an EventMesh runtime sends away", versions.map(eventMesh), () => {
  const [one, other] = [runtimes("1.11.0"), runtimes("1.12.0")];
  describe("1.11.0", () => guidance(one, other));
  describe("1.12.0", () => guidance(other, one));
});
