import { describe, expect, it } from "vitest";
import { FarewellBuilder } from "../../lib/lifecycle/farewell.ts";
import { formatFarewell } from "../../lib/lifecycle/format.ts";
import type { EndCause } from "../../lib/lifecycle/reducer.ts";

describe("formatFarewell", () => {
  it("prints a clean end as its timeline", () => {
    const builder = new FarewellBuilder("broker");
    builder.phase({ phase: "intake", at: 0, duration: 0.4, budget: 500, ended: "done" });
    builder.phase({ phase: "drain", at: 0.4, duration: 120.6, budget: 10_000, ended: "done" });
    expect(formatFarewell(end(builder, { duration: 121 }))).toBe([
      "broker: clean in 121 ms (goodbye)",
      "  +0.0 ms   intake    0.4 ms of 500 ms",
      "  +0.4 ms   drain     121 ms of 10.0 s",
    ].join("\n"));
  });

  it("prints everything that went wrong", () => {
    const child = new FarewellBuilder("connection");
    const builder = new FarewellBuilder("server");
    builder.child(end(new FarewellBuilder("connection"), {}));
    builder.child(end(child, { lost: true, cause: "lost", reason: new Error("read ECONNRESET") }));
    builder.phase({ phase: "announce", at: 0, duration: 0, budget: 0, ended: "done" });
    builder.phase({
      phase: "drain",
      at: 0,
      duration: 10_000,
      budget: 10_000,
      ended: "deadline",
      reason: new Error("too slow"),
    });
    builder.phase({ phase: "goodbye", at: 10_000, duration: 12, budget: 3_000, ended: "cut", reason: null });
    builder.hook({ name: "flush", duration: 3.21, ended: "ok" });
    builder.hook({ name: "close files", duration: 1_000, ended: "timeout" });
    for (let i = 0; i < 23; i++) {
      builder.error(new Error(`error ${i}`, i === 0 ? { cause: new Error("inner") } : {}));
    }
    const text = formatFarewell(end(builder, {
      forced: true,
      duration: 10_012,
      reason: "deploy",
      parts: {
        operations: { settled: 4, refused: 1 },
        messages: { received: 3, acked: 2, returned: 1 },
        residue: { sockets: 1 },
      },
    }));
    expect(text.split("\n")).toEqual([
      "server: failed in 10.0 s (goodbye: deploy)",
      "  +0.0 ms   announce  0.0 ms",
      "  +0.0 ms   drain     10.0 s of 10.0 s  deadline passed",
      "  +10.0 s   goodbye   12 ms of 3000 ms  cut: null",
      "  operations  4 settled, 1 refused",
      "  messages    3 received, 2 acked, 1 returned",
      "  still held  1 sockets",
      "  hook        flush: ok in 3.2 ms",
      "  hook        close files: timeout in 1000 ms",
      "  error       Error: error 0 (inner)",
      ...Array.from({ length: 19 }, (_, i) => `  error       Error: error ${i + 1}`),
      "  error       3 more",
      "  children    2, 1 of them clean",
      "    connection: failed in 5.0 ms (lost: Error: read ECONNRESET)",
    ]);
  });

  it("says how many hooks there were beyond those it lists", () => {
    const builder = new FarewellBuilder("thing");
    for (let i = 0; i < 107; i++) builder.hook({ name: `hook ${i}`, duration: 0, ended: "ok" });
    const text = formatFarewell(end(builder, { duration: 1 }));
    expect(text.split("\n").filter((line) => line.includes("hook")).length).toBe(101);
    expect(text).toContain("  hook        7 more");
  });

  const reasons: [string, unknown, string][] = [
    ["null", null, "goodbye: null"],
    ["0", 0, "goodbye: 0"],
    ["an empty string", "", "goodbye: "],
    ["an object", { code: 5 }, 'goodbye: {"code":5}'],
    ["a bigint", 5n, "goodbye: 5"],
    ["an error of several lines", new Error("one\n  two\r\nthree"), "goodbye: Error: one two three"],
    ["an error with a cause of null", new Error("no", { cause: null }), "goodbye: Error: no (null)"],
    [
      "an error with a cause that is data",
      new Error("no", { cause: { a: 1 } }),
      'goodbye: Error: no ({"a":1})',
    ],
    ["a revoked proxy", revoked(), "goodbye: [unprintable]"],
    [
      "an error whose message throws",
      Object.defineProperty(new Error(), "message", { get: () => revoked().x }),
      "goodbye: [unprintable]",
    ],
  ];

  it.each(reasons)("prints %s as a reason on one line", (_, reason, expected) => {
    const builder = new FarewellBuilder("thing");
    builder.error(reason);
    const [first, ...rest] = formatFarewell(end(builder, { reason })).split("\n");
    expect(first).toBe(`thing: clean in 5.0 ms (${expected})`);
    expect(rest).toHaveLength(1);
  });
});

function end(
  builder: FarewellBuilder,
  options: Partial<Parameters<FarewellBuilder["build"]>[0]> & { cause?: EndCause },
): ReturnType<FarewellBuilder["build"]> {
  return builder.build({
    cause: "goodbye",
    reason: undefined,
    startedAt: 0,
    duration: 5,
    forced: false,
    lost: false,
    parts: {},
    ...options,
  });
}

function revoked(): { x: never } {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy as { x: never };
}
