import { describe, expect, it } from "vitest";
import type { Console } from "../../lib/cli/console.ts";
import { watcher } from "../../lib/cli/phases.ts";
import { ClosedError, ProcessSignalError } from "../../lib/errors.ts";
import { Lifecycle } from "../../lib/lifecycle/lifecycle.ts";
import { createScope, type Endpoint, type Scope } from "../../lib/lifecycle/mod.ts";
import { turns } from "../support/until.ts";

describe("watcher", () => {
  it("shows on a terminal how an interrupt is carried out, phase by phase", async () => {
    const { interrupt, notes, scope, endpoint } = setup({ live: true });
    interrupt.abort(new ProcessSignalError("SIGINT"));
    await scope.closed;
    await endpoint.goodbye();
    await turns(1);
    expect(notes.map((line) => line.replace(/\+\d+ ms +/, "+N ms "))).toEqual([
      "\nSIGINT: saying goodbye; once more to force it, a third time to kill",
      "  +N ms broker       draining",
      "  +N ms broker       closing",
      "  +N ms broker       releasing",
      "  +N ms broker       closed, clean",
    ]);
  });

  it("says when it was forced", async () => {
    const { interrupt, notes, scope } = setup({ live: true });
    const forced = new AbortController();
    scope.defer(() => new Promise((resolve) => scope.signal.addEventListener("abort", resolve)));
    interrupt.abort(new ProcessSignalError("SIGINT"));
    void scope.goodbye({ signal: forced.signal });
    await turns(1);
    forced.abort(new ProcessSignalError("SIGTERM"));
    await scope.closed;
    expect(notes).toContain("\nSIGTERM: forced");
  });

  it("shows nothing of that where standard error is no terminal, nor of an end that is no interrupt", async () => {
    const quiet = setup({ live: false });
    quiet.interrupt.abort(new ProcessSignalError("SIGINT"));
    await quiet.scope.closed;
    const orderly = setup({ live: true });
    await orderly.scope.goodbye();
    await turns(1);
    expect([quiet.notes, orderly.notes]).toEqual([[], []]);
  });

  it("tells of a loss once for all endpoints, and of the connection that comes after it", async () => {
    const { notes, scope, lifecycle, watch } = setup({ live: false });
    const other = new Lifecycle({ name: "other", steps: {} });
    watch("other", other as unknown as Endpoint);
    const lost = (): void => {
      for (const one of [lifecycle, other]) {
        one.emit({ type: "retry", attempt: 1, delay: 1, error: new Error("The connection was lost") });
      }
    };
    lifecycle.emit({ type: "connected", epoch: 1, remote: "127.0.0.1:1" });
    lost();
    await turns(1);
    for (const one of [lifecycle, other]) one.emit({ type: "connected", epoch: 2, remote: "127.0.0.1:1" });
    await turns(1);
    lost();
    await turns(1);
    expect(notes).toEqual([
      "The connection was lost; trying again",
      "connected again, to 127.0.0.1:1",
      "The connection was lost; trying again",
    ]);
    void scope.goodbye({ reason: new ClosedError("over", { state: "open" }) });
    lost();
    await turns(1);
    expect(notes).toHaveLength(3);
    await Promise.all([lifecycle.end({ cause: "goodbye" }), other.end({ cause: "goodbye" })]);
  });
});

function setup({ live }: { live: boolean }): {
  readonly interrupt: AbortController;
  readonly notes: string[];
  readonly scope: Scope;
  readonly lifecycle: Lifecycle;
  readonly endpoint: Endpoint;
  readonly watch: (name: string, endpoint: Endpoint) => void;
} {
  const interrupt = new AbortController();
  const scope = createScope({ signal: interrupt.signal });
  const notes: string[] = [];
  const console: Console = {
    live,
    left: new AbortController().signal,
    print: () => Promise.resolve(true),
    note: (line) => void notes.push(line),
  };
  const lifecycle = new Lifecycle({ name: "broker", steps: {} });
  lifecycle.opened();
  const endpoint = lifecycle as unknown as Endpoint;
  const watch = watcher(scope, console);
  watch("broker", endpoint);
  scope.defer(() => lifecycle.goodbye());
  return { interrupt, notes, scope, lifecycle, endpoint, watch };
}
