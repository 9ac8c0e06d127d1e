import { describe, expect, it } from "vitest";
import { ConnectionLostError, GracewireError } from "../lib/errors.ts";

describe("errors", () => {
  it("carry a stable code, their own name, and the cause by identity", () => {
    const cause = { any: "value" };
    const error = new ConnectionLostError("Cannot publish: the connection was lost", {
      cause,
      outcome: "unknown",
    });
    expect(error).toBeInstanceOf(GracewireError);
    expect(error.code).toBe("ERR_CONNECTION_LOST");
    expect(error.name).toBe("ConnectionLostError");
    expect(error.cause).toBe(cause);
    expect(error.outcome).toBe("unknown");
  });
});
