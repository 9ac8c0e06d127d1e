import { startBroker } from "../../lib/broker/mod.ts";
import { eventmesh } from "../support/fault_language.ts";
import type { FaultTable, UnresetTable, Victim } from "./stages.ts";

/** What becomes of a connection of the broker, mode by mode and stage by stage. */
export const brokerTable: FaultTable = {
  "healthy": {
    hello: "clean parent",
    work: "clean parent",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "busy": {
    hello: "clean parent",
    work: "clean parent",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "slow": {
    hello: "clean parent",
    work: "clean parent",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "never-read": {
    hello: "forced idle-timeout",
    work: "forced idle-timeout",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  "never-fin": {
    hello: "forced parent",
    work: "forced parent",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  // Who has not said hello gets no goodbye: it is cut.
  "half-open": {
    hello: "forced handshake-timeout",
    work: "forced idle-timeout",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  // A reset in place of the answer to a goodbye comes before FIN: the client may not have got what was sent.
  "rst-on-goodbye": {
    hello: "failed lost",
    work: "failed lost",
    goodbye: "failed parent",
    forced: "forced parent",
  },
  "rst-at-byte-n": {
    hello: "failed lost",
    work: "failed lost",
    goodbye: "failed parent",
    forced: "forced parent",
  },
  "flood": {
    hello: "forced parent",
    work: "forced parent",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  "partial-frame": {
    hello: "clean handler-done",
    work: "clean handler-done",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "connect-and-idle": {
    hello: "forced handshake-timeout",
    work: "clean idle-timeout",
    goodbye: "clean parent",
    forced: "forced parent",
  },
};

const unreset: UnresetTable = {};

/** The defaults of the broker, in milliseconds. */
const patience = { hello: 10_000, work: 60_000 };

/** The embedded broker with its defaults. */
export const brokerVictim: Victim = {
  name: "a broker",
  table: brokerTable,
  unreset,
  patience,
  answer: 1_000,
  language: (group) => eventmesh({ group }, group),
  start: ({ network, patient }) =>
    startBroker({
      port: 0,
      network,
      ...(patient ? { helloTimeout: Infinity, sessionExpiry: Infinity, ackTimeout: Infinity } : {}),
    }),
};
