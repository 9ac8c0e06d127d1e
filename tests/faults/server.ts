import { ProtocolError } from "../../lib/errors.ts";
import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import { lines } from "../support/fault_language.ts";
import type { FaultTable, UnresetTable, Victim } from "./stages.ts";

/** What becomes of a connection of the server kit, mode by mode and stage by stage. */
export const serverTable: FaultTable = {
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
  "half-open": {
    hello: "forced idle-timeout",
    work: "forced idle-timeout",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  "rst-on-goodbye": {
    hello: "failed lost",
    work: "failed lost",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "rst-at-byte-n": {
    hello: "failed lost",
    work: "failed lost",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "flood": {
    hello: "forced parent",
    work: "forced parent",
    goodbye: "forced parent",
    forced: "forced parent",
  },
  "partial-frame": {
    hello: "clean protocol-error",
    work: "clean protocol-error",
    goodbye: "clean parent",
    forced: "forced parent",
  },
  "connect-and-idle": {
    hello: "clean idle-timeout",
    work: "clean idle-timeout",
    goodbye: "clean parent",
    forced: "forced parent",
  },
};

const unreset: UnresetTable = {
  "rst-on-goodbye": {
    hello: ["clean handler-done", "failed handler-done", "failed lost"],
    work: ["clean handler-done", "failed handler-done", "failed lost"],
  },
  "rst-at-byte-n": {
    hello: ["clean protocol-error", "failed protocol-error", "failed lost"],
    work: ["clean protocol-error", "failed protocol-error", "failed lost"],
  },
};

/** Milliseconds without a byte. */
const patience = 1_000;

/** A server that is made of the kit alone, and speaks in lines. */
export const serverVictim: Victim = {
  name: "a server",
  table: serverTable,
  unreset,
  patience: { hello: patience, work: patience },
  language: () => lines(),
  answer: 0,
  start: ({ patient, ...options }) =>
    serve(answerLines, { ...options, limits: { idleTimeout: patient ? Infinity : patience } }),
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function answerLines(connection: ServerConnection): Promise<void> {
  connection.onPhase("goodbye", () => connection.write(encoder.encode("goodbye\n")));
  let rest = "";
  for await (const chunk of connection.readable) {
    const parts = (rest + decoder.decode(chunk)).split("\n");
    rest = parts.pop()!;
    for (const line of parts) {
      await connection.write(encoder.encode(line === "hello" ? "welcome\n" : "done\n"));
    }
  }
  if (rest === "" || connection.draining.aborted) return;
  throw new ProtocolError("Cannot read a line: the stream ends in the midst of it", { offset: rest.length });
}
