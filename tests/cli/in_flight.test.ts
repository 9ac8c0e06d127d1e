import { describe, expect, it } from "vitest";
import { InFlight } from "../../lib/cli/in_flight.ts";
import { deferred } from "../../lib/lifecycle/deferred.ts";
import { turns } from "../support/until.ts";

describe("InFlight", () => {
  it("makes room when an operation settles, by number", async () => {
    const inFlight = new InFlight({ count: 2, size: 100 });
    const [one, two] = [deferred(), deferred()];
    await inFlight.add(one.promise, 1);
    const room = seen(inFlight.add(two.promise, 1));
    await turns(1);
    expect(room.done).toBe(false);
    two.resolve();
    await turns(1);
    expect(room.done).toBe(true);
    one.resolve();
    await inFlight.settled();
    inFlight.check();
  });

  it("makes room by size, and takes one that is larger than the whole limit", async () => {
    const inFlight = new InFlight({ count: 100, size: 10 });
    const large = deferred();
    const room = seen(inFlight.add(large.promise, 1_000));
    await turns(1);
    expect(room.done).toBe(false);
    large.resolve();
    await turns(1);
    expect(room.done).toBe(true);
  });

  it("keeps the first failure, waits for the rest, and keeps nobody waiting for room", async () => {
    const inFlight = new InFlight({ count: 100, size: 10 });
    const [one, two] = [deferred(), deferred()];
    const errors = [new Error("first"), new Error("second")];
    await inFlight.add(one.promise, 1);
    const room = seen(inFlight.add(two.promise, 1_000));
    one.reject(errors[0]);
    await turns(1);
    expect([room.done, inFlight.failed]).toEqual([true, true]);
    const settled = seen(inFlight.settled());
    await turns(1);
    expect(settled.done).toBe(false);
    two.reject(errors[1]);
    await turns(1);
    expect(settled.done).toBe(true);
    expect(() => inFlight.check()).toThrow(errors[0]);
  });
});

function seen(promise: Promise<void>): { readonly done: boolean } {
  const state = { done: false };
  void promise.then(() => state.done = true);
  return state;
}
