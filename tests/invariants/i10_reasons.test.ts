import { describe, expect, it } from "vitest";
import { ClosedError } from "../../lib/errors.ts";
import { memory, tcp } from "../contracts/grounds.ts";
import { leakGate } from "../support/leak.ts";
import { abortReasons, type CountedAbort, countedAbort } from "../support/signals.ts";
import { turns, until } from "../support/until.ts";
import { type Operation, operations } from "./i10_operations.ts";
import type { Stage } from "./i10_stages.ts";

const gate = leakGate();

describe.each([memory, tcp])("I10 reasons arrive intact over $name:", (ground) => {
  describe.each(operations(gate, ground))("$name", (operation) => {
    const { instant, told, early = "rejects", ended } = operation;
    // All kinds of reason for each operation in memory; over TCP, which is slower, each kind for some of them.
    const reasons = ground === memory ? abortReasons : dealt();
    const staged = (body: (stage: Stage, makeReason: () => unknown) => Promise<void>) =>
      stageEach(operation, reasons, body);

    it("refuses a signal that has aborted, before any side effect, with the identical reason", () =>
      staged(async (stage, makeReason) => {
        const abort = countedAbort();
        abort.abort(makeReason());
        const before = stage.effects();
        const outcome = await outcomeOf(stage.call(abort.signal));
        if (early === "told") {
          expectReason(told!(valueOf(outcome)), abort);
        } else {
          expectReason(errorOf(outcome), abort);
          await turns(3);
          expect(stage.effects()).toBe(before);
        }
        expect(abort.listeners()).toBe(0);
      }));

    if (instant === undefined) {
      it("ends with the identical reason when the abort comes while it pends", () =>
        staged(async (stage, makeReason) => {
          const abort = countedAbort();
          const pending = outcomeOf(stage.call(abort.signal));
          await stage.pends?.();
          abort.abort(makeReason());
          const outcome = await pending;
          expectReason(told === undefined ? errorOf(outcome) : told(valueOf(outcome)), abort);
          await until(() => abort.listeners() === 0, { what: "no listeners on the signal" });
        }));

      it("settles once, one way or the other, when the abort races its success", async () => {
        const { answers, seen } = await race(operation, ground === memory ? 1 : 2);
        if (told === undefined) expect(seen).toContain("rejected");
        // In memory the last of the distances is far enough for whatever has an answer.
        if (told === undefined && answers && ground === memory) expect(seen).toContain("succeeded");
      });
    }

    if (ended === "refused") {
      it("is refused by the end of its endpoint, with the state and the identical reason as the cause", () =>
        staged(async (stage, makeReason) => {
          const abort = countedAbort();
          const reason = makeReason();
          const pending = instant ? undefined : outcomeOf(stage.call(abort.signal));
          if (!instant) await stage.pends?.();
          await stage.endpoint!.goodbye({ grace: 0, reason });
          if (pending !== undefined) expectClosed(errorOf(await pending), "closing", reason);
          expectClosed(errorOf(await outcomeOf(stage.call(abort.signal))), "closed", reason);
          expect(abort.listeners()).toBe(0);
        }));
    }

    if (ended === "resolves") {
      it("ends with its endpoint, without an error", () =>
        staged(async (stage, makeReason) => {
          const abort = countedAbort();
          const reason = makeReason();
          const pending = outcomeOf(stage.call(abort.signal));
          await stage.pends?.();
          await stage.endpoint!.goodbye({ grace: 0, reason });
          const value = valueOf(await pending);
          if (told !== undefined) expect(Object.is(told(value), reason)).toBe(true);
          await until(() => abort.listeners() === 0, { what: "no listeners on the signal" });
        }));
    }
  });
});

/** Two kinds of reason, and the next two the next time. */
function dealt(): readonly (() => unknown)[] {
  return [0, 0].map(() => abortReasons[deals++ % abortReasons.length]!);
}
let deals = 0;

/** Runs a test for each kind of reason, each time in a place of its own. */
async function stageEach(
  operation: Operation,
  reasons: readonly (() => unknown)[],
  body: (stage: Stage, makeReason: () => unknown) => Promise<void>,
): Promise<void> {
  for (const makeReason of reasons) {
    const stage = await operation.arrange();
    try {
      await body(stage, makeReason);
    } finally {
      await stage.end();
    }
  }
}

/** Lets the answer and the abort come as close to each other as can be: a microtask or a turn, before or after. */
async function race(
  operation: Operation,
  stride: number,
): Promise<{ answers: boolean; seen: ReadonlySet<string> }> {
  const seen = new Set<string>();
  let answers = false;
  const near = Array.from({ length: Math.ceil(13 / stride) }, (_, i) => i * stride - 4);
  for (const distance of [...near, 100]) {
    const stage = await operation.arrange();
    try {
      const abort = countedAbort();
      answers ||= stage.answer !== undefined;
      let settlements = 0;
      const call = stage.call(abort.signal);
      void call.then(() => settlements++, () => settlements++);
      const pending = outcomeOf(call);
      await stage.pends?.();
      const steps = [() => void stage.answer?.(), () => abort.abort(abortReasons[(distance + 4) % 7]!())];
      if (distance < 0) steps.reverse();
      steps[0]!();
      for (let i = 0; i < Math.min(Math.abs(distance), 4); i++) await undefined;
      await turns(Math.max(0, distance - 4));
      steps[1]!();
      const outcome = await pending;
      if ("error" in outcome) expectReason(outcome.error, abort);
      else if (operation.told === undefined) await free(outcome.value);
      seen.add("error" in outcome ? "rejected" : "succeeded");
      await until(() => abort.listeners() === 0, { what: "no listeners on the signal" });
      expect(settlements).toBe(1);
    } finally {
      await stage.end();
    }
  }
  return { answers, seen };
}

/** Ends what a success has made. */
async function free(value: unknown): Promise<void> {
  if (typeof value !== "object" || value === null) return;
  if ("goodbye" in value) await (value.goodbye as (options: object) => Promise<unknown>)({ grace: 0 });
  if ("destroy" in value) (value.destroy as () => void)();
  if ("close" in value) await (value.close as () => Promise<void>)();
  if ("closed" in value) await value.closed;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

function outcomeOf(promise: Promise<unknown>): Promise<Outcome> {
  return promise.then((value) => ({ value }), (error: unknown) => ({ error }));
}

function valueOf(outcome: Outcome): unknown {
  expect(outcome).toHaveProperty("value");
  return (outcome as { value: unknown }).value;
}

function errorOf(outcome: Outcome): unknown {
  expect(outcome).toHaveProperty("error");
  return (outcome as { error: unknown }).error;
}

function expectReason(actual: unknown, { signal }: CountedAbort): void {
  expect(Object.is(actual, signal.reason), `${String(actual)}, the very reason of the signal`).toBe(true);
}

function expectClosed(error: unknown, state: string, reason: unknown): void {
  expect(error, String(error)).toBeInstanceOf(ClosedError);
  expect(error).toMatchObject({ code: "ERR_CLOSED", state });
  expect(Object.is((error as ClosedError).cause, reason), "the reason of the end as its cause").toBe(true);
}
