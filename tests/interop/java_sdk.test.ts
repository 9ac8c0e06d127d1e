import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closing } from "./java/closing.ts";
import { endings } from "./java/endings.ts";
import { load } from "./java/load.ts";
import { messages } from "./java/messages.ts";
import { runtime } from "./java/runtime.ts";
import { type JavaSdk, kinds } from "./java/sdk.ts";
import { useJava } from "./java/start.ts";
import { useWorld } from "./java/world.ts";
import { eventMesh, type EventMeshRuntime, javaSdk, startEventMesh, withPeers } from "./peers/mod.ts";

const java = useJava();
const world = useWorld();

for (const version of ["1.10.0", "1.12.0"] as const) {
  await withPeers(`Java SDK ${version}, through the broker`, [javaSdk(version)], () => {
    let sdk: JavaSdk;
    beforeAll(async () => {
      sdk = await java(version);
    }, 60_000);
    describe("at work", () => {
      for (const kind of kinds) messages(() => sdk, kind, world);
    });
    describe("under load", () => {
      load(() => sdk, world);
    });
    describe("at the end", () => {
      for (const kind of kinds) endings(() => sdk, kind, world);
      closing(() => sdk, world);
    });
    it("says of every push that it answers nothing, and of every answer that it is no push", () => {
      const level = version === "1.10.0" ? "ERROR" : "WARN";
      expect(sdk.routine).toEqual([
        `${level} AbstractEventMeshTCPSubHandler msg ignored,context not found.|{}|{}`,
        `${level} AbstractEventMeshTCPSubHandler msg ignored|{}|{}`,
      ]);
    });
  });
}

const peers = [javaSdk("1.12.0"), eventMesh("1.12.0")];
await withPeers("Java SDK 1.12.0, through the runtime 1.12.0", peers, () => {
  let sdk: JavaSdk;
  let server: EventMeshRuntime;
  beforeAll(async () => {
    [sdk, server] = await Promise.all([java("1.12.0"), startEventMesh({ version: "1.12.0" })]);
  }, 120_000);
  afterAll(() => server?.stop());
  runtime(() => sdk, () => server, world);
});
