import { leakGate } from "../support/leak.ts";
import { fixture } from "../server/kit.ts";
import { serverVictim } from "./server.ts";
import { faultStages } from "./stages.ts";

leakGate();
faultStages(serverVictim, fixture.memory);
