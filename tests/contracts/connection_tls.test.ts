import { leakGate } from "../support/leak.ts";
import { connectionContract } from "./connection.ts";
import { openWorld } from "./connection_world.ts";
import { tls } from "./grounds.ts";
import { eventMesh } from "./protocols.ts";

const gate = leakGate();

connectionContract("EventMesh over tls", { open: () => openWorld(eventMesh, tls, gate) });
