import type { EndpointNews } from "../../lib/lifecycle/mod.ts";

/** The types of events that endpoints tell of: channel `gracewire:<type>` of `diagnostics_channel` each. */
export const channelTypes: readonly EndpointNews["type"][] = [
  "state",
  "phase",
  "fault",
  "lost",
  "retry",
  "connected",
  "redirect",
  "leaving",
  "member",
  "overflow",
  "farewell",
];
