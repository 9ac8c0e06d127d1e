import { describe, it } from "vitest";
import { expectFlat } from "./flat.ts";
import { patience } from "./programs.ts";

describe("I18 memory stays flat", () => {
  it("over 100,000 operations on one signal", async () => {
    await expectFlat("operations", "100000 links to one signal", "100000 publishes and requests");
  }, patience);
});
