import { describe, it } from "vitest";
import { expectFlat } from "./flat.ts";
import { patience } from "./programs.ts";

describe("I18 memory stays flat", () => {
  it("over 10,000 clients that connect and say goodbye", async () => {
    await expectFlat("clients", "10000 clients in memory", "1000 clients over TCP");
  }, patience);
});
