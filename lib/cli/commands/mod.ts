import type { Command } from "../command.ts";
import { broker } from "./broker.ts";
import { demo } from "./demo.ts";
import { pub } from "./pub.ts";
import { request } from "./request.ts";
import { sub } from "./sub.ts";

/** The verbs of the command line, in the order of the help. */
export const commands: readonly Command[] = [demo, broker, pub, sub, request];
