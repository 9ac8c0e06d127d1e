import { startBroker } from "../../lib/broker/mod.ts";
import { eventmesh } from "../support/fault_language.ts";
import { serverTable } from "./server.ts";
import type { FaultTable, UnresetTable, Victim } from "./stages.ts";

/** What becomes of a connection of the broker, mode by mode and stage by stage: what that of the server kit does, but for this. */
export const brokerTable: FaultTable = {
  ...serverTable,
  // Who has not said hello gets no goodbye: it is cut.
  "half-open": { ...serverTable["half-open"], hello: "forced handshake-timeout" },
  "connect-and-idle": { ...serverTable["connect-and-idle"], hello: "forced handshake-timeout" },
  // A reset in place of the answer to a goodbye comes before FIN: the client may not have got what was sent.
  "rst-on-goodbye": { ...serverTable["rst-on-goodbye"], goodbye: "failed parent" },
  "rst-at-byte-n": { ...serverTable["rst-at-byte-n"], goodbye: "failed parent" },
  // The end of a stream is the goodbye of a client that has said none, half a frame or not.
  "partial-frame": {
    ...serverTable["partial-frame"],
    hello: "clean handler-done",
    work: "clean handler-done",
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
