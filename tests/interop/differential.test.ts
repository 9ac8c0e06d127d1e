import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { runtime as runtimeOfTests } from "../support/env.ts";
import { lanes } from "./differential/cases.ts";
import { MAX_SIZE } from "./differential/cases_publish.ts";
import { compare, type Comparison } from "./differential/compare.ts";
import { disagreements, forecast, readListed } from "./differential/listed.ts";
import { play } from "./differential/transcript.ts";
import { eventMesh, type EventMeshRuntime, startEventMesh, withPeers } from "./peers/mod.ts";

const document = new URL("../../docs/eventmesh_differences.md", import.meta.url);
/** The older runtime does the same, whichever of ours is beside it. */
const versions = runtimeOfTests === "node" ? ["1.11.0", "1.12.0"] as const : ["1.12.0"] as const;

for (const version of versions) {
  await withPeers(`the broker beside the EventMesh runtime ${version}`, [eventMesh(version)], () => {
    differs(version);
  });
}

function differs(version: typeof versions[number]): void {
  const listed = readListed(readFileSync(document, "utf8"));
  let comparison: Comparison;
  let runtime: EventMeshRuntime | undefined;
  let broker: Broker | undefined;

  beforeAll(async () => {
    const properties = { "eventMesh.server.maxEventSize": String(MAX_SIZE) };
    // Its log would have an exception for most of the scripts.
    const starting = startEventMesh({ version, properties, log: "ERROR" });
    const playing = startBroker({ port: 0, limits: { maxMessageSize: MAX_SIZE } }).then((started) => {
      broker = started;
      return play(lanes, Number(new URL(started.url).port));
    });
    const [one, other] = await Promise.allSettled([starting, playing]);
    if (one.status === "fulfilled") runtime = one.value;
    if (one.status === "rejected") throw one.reason;
    if (other.status === "rejected") throw other.reason;
    const ours = other.value;
    comparison = compare(await play(lanes, one.value.port, forecast(listed, ours)), ours);
  }, 120_000);

  afterAll(async () => {
    await runtime?.stop();
    await broker?.goodbye({ grace: 0 });
  });

  it("differs in nothing but what is listed, and in all of that", () => {
    expect(disagreements(listed, comparison.differences, comparison.rules).join("\n")).toBe("");
  });
}
