import { fixtures } from "../server/kit.ts";
import { leakGate } from "../support/leak.ts";
import { serverVictim } from "./server.ts";
import { faultStages } from "./stages.ts";

leakGate();
for (const fixture of fixtures) if (fixture.kind !== "memory") faultStages(serverVictim, fixture);
