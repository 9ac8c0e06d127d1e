import { describe, it } from "vitest";
import { expectFlat } from "./flat.ts";
import { patience } from "./programs.ts";

describe("I18 memory stays flat", () => {
  it("over 10,000 connections that a server accepts and ends", async () => {
    const cycles = ["10000 connections of a server in memory", "1000 connections of a server over TCP"];
    await expectFlat("connections", ...cycles);
  }, patience);
});
