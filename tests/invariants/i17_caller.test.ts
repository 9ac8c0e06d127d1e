import { describe, expect, it } from "vitest";
import { createScope, type Endpoint, type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import { leakGate } from "../support/leak.ts";
import { turns } from "../support/until.ts";

const gate = leakGate();

/** The ways to ask for an end and not to stay for it. */
const callers: Record<string, (endpoint: Endpoint) => unknown> = {
  "drops the promise": (endpoint) => void endpoint.goodbye(),
  "disposes and drops the promise": (endpoint) => void endpoint[Symbol.asyncDispose](),
  "throws right after": async (endpoint) => {
    const caller = (async () => {
      void endpoint.goodbye();
      await Promise.reject(new Error("the caller"));
    })();
    await expect(caller).rejects.toThrow("the caller");
  },
  "throws while it waits for something else": async (endpoint) => {
    const caller = Promise.all([endpoint.goodbye(), Promise.reject(new Error("the other"))]);
    await expect(caller).rejects.toThrow("the other");
  },
  "loses patience": async (endpoint) => {
    expect(await Promise.race([endpoint.goodbye(), turns(1).then(() => "impatient")])).toBe("impatient");
  },
  "is an iterator that is left in its finally": async (endpoint) => {
    const steps = (async function* () {
      try {
        yield 1;
      } finally {
        await endpoint.goodbye();
      }
    })();
    await steps.next();
    void steps.return();
  },
  "aborts what it waits with, which is not the signal of the goodbye": (endpoint) => {
    const controller = new AbortController();
    void new Promise((_, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
      void endpoint.goodbye();
    }).catch(() => {});
    controller.abort("enough");
  },
};

const fixtures = endpointFixtures(gate, [memory, tcp]);

describe.each(fixtures)("I17 the end of a $name goes on when its caller", ({ fixture }) => {
  it.each(Object.keys(callers))("%s", async (name) => {
    const open = await fixture.open({});
    await open.occupy();
    const { endpoint } = open;
    await callers[name]!(endpoint);
    await turns(3);
    // It has not been cut, and it is not over before its work is.
    expect([endpoint.draining.aborted, endpoint.signal.aborted]).toEqual([true, false]);
    open.release();
    expectClean(await endpoint.closed);
    await open.end();
  });

  it("aborts the scope that owns it, and says goodbye there without waiting", async () => {
    const open = await fixture.open({});
    await open.occupy();
    const [controller, reason] = [new AbortController(), { why: "the interrupt" }];
    const scope = createScope({ signal: controller.signal });
    scope.use(open.endpoint);
    const caller = (async () => {
      controller.abort(reason);
      void open.endpoint.goodbye({ reason: "mine" });
      await Promise.reject(scope.draining.reason);
    })();
    await expect(caller).rejects.toBe(reason);
    await turns(3);
    open.release();
    const farewell = await open.endpoint.closed;
    expectClean(farewell);
    const whole = await scope.closed;
    expect(whole).toMatchObject({ outcome: "clean", cause: "aborted", childCount: 1 });
    expect(whole.reason).toBe(reason);
    await open.end();
  });

  it("gives it to a scope that was aborted before, and goes away", async () => {
    const open = await fixture.open({});
    const scope = createScope({ signal: AbortSignal.abort("before") });
    expect(() => scope.use(open.endpoint)).toThrow("Cannot add a resource to a scope");
    const farewell = await open.endpoint.closed;
    expectClean(farewell);
    expect(farewell.reason).toBe("before");
    await open.end();
  });
});

function expectClean(farewell: Farewell): void {
  expect(farewell, formatFarewell(farewell)).toMatchObject({
    outcome: "clean",
    residue: { sockets: 0, timers: 0, listeners: 0 },
  });
}
