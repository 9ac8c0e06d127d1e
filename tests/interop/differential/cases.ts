import { commandCases, messageCommandCases } from "./cases_commands.ts";
import { controlCases } from "./cases_control.ts";
import { deliveryCases } from "./cases_delivery.ts";
import { framingCases } from "./cases_framing.ts";
import { helloCases } from "./cases_hello.ts";
import { publishCases } from "./cases_publish.ts";
import { requestCases } from "./cases_request.ts";
import type { Case } from "./stage.ts";

/**
 * Every script that is played to every server. The scripts of a lane are played one after the other, and the lanes at the
 * same time. All that publish are in one lane: the runtime confuses the confirmations of publishes that meet.
 */
export const lanes: readonly (readonly Case[])[] = [
  [...messageCommandCases, ...publishCases, ...deliveryCases, ...requestCases],
  [...helloCases, ...controlCases],
  commandCases,
  framingCases,
];
