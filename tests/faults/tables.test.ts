import { describe, expect, it } from "vitest";
import { requiredModes } from "../support/fault.ts";
import { clientTable } from "./client.ts";
import { serverTable } from "./server.ts";
import { brokerTable } from "./sessions.ts";
import { stages } from "./stages.ts";

/** What a server can get in the way of, and what a client can. */
const operations = ["connect", "subscribe", "publish", "request", "goodbye", "forced"];

describe.each<[string, object, readonly string[]]>([
  ["the EventMesh client", clientTable, operations],
  ["the broker", brokerTable, stages],
  ["the server kit", serverTable, stages],
])("the table of faults of %s", (_name, table, columns) => {
  it("has every mode, and says for each what it leads to at every stage", () => {
    expect(Object.keys(table)).toEqual(expect.arrayContaining([...requiredModes]));
    expect(new Set(requiredModes).size).toBe(11);
    for (const [mode, row] of Object.entries(table)) {
      expect(Object.keys(row as object).sort(), mode).toEqual([...columns].sort());
    }
  });
});
