import { describe, expect, it } from "vitest";
import { run, type RunOptions } from "../../lib/process/mod.ts";
import { runChild } from "../support/child.ts";

/** A program around `run`: `say` prints a line, `resource` makes something that ends and says so. */
function program(main: string, options = "{}"): string {
  return `
    import { run, onProcessSignals } from "gracewire/process";
    import { createScope, formatFarewell } from "gracewire/lifecycle";
    import { serve } from "gracewire/server";
    import { systemNetwork } from "gracewire/net";
    const say = (text) => console.log(text);
    const resource = (name) => ({ async [Symbol.asyncDispose]() { say("freed " + name); } });
    const until = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));
    await run(async (scope) => { ${main} }, ${options});
    say("over, listeners: " + (process.listenerCount("SIGINT") + process.listenerCount("SIGTERM")));
  `;
}

/** What a program may take to end when there is nothing left to do. */
const soon = 1_500;

describe("run", () => {
  it("ends what the scope owns in reverse order when main returns, and lets the process end", async () => {
    const { code, lines, lingered, stderr } = await runChild(program(`
      scope.use(resource("first"));
      scope.defer(() => say("freed second"));
      scope.use(resource("third"));
      say("main");
    `));
    expect(lines).toEqual(["main", "freed third", "freed second", "freed first", "over, listeners: 0"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("ends it too when main throws: exit code 1, and the error on stderr", async () => {
    const { code, lines, stderr } = await runChild(program(`
      scope.use(resource("first"));
      throw new Error("the disk is full");
    `));
    expect(lines).toEqual(["freed first", "over, listeners: 0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("the disk is full");
  });

  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "makes %s a graceful end with exit code %i",
    async (signal, exitCode) => {
      const { code, lines, stderr, lingered } = await runChild(
        program(`
          scope.use(resource("first"));
          say("ready");
          await until(scope.draining);
          const { name, code, signal, message } = scope.draining.reason;
          say([name, code, signal, message].join(" | "));
          say("forced: " + scope.signal.aborted);
        `),
        { signals: [{ after: "ready", signal }] },
      );
      expect(lines[1]).toBe(
        `ProcessSignalError | ERR_PROCESS_SIGNAL | ${signal} | The process received ${signal}`,
      );
      expect(lines.slice(2).sort()).toEqual(["forced: false", "freed first", "over, listeners: 0"]);
      expect({ code, stderr }).toEqual({ code: exitCode, stderr: "" });
      expect(lingered).toBeLessThan(soon);
    },
  );

  it("takes main's rejection with the reason of the interrupt for what it is", async () => {
    const { code, stderr } = await runChild(
      program(`
        say("ready");
        await new Promise((_, reject) => scope.draining.addEventListener("abort", () => reject(scope.draining.reason)));
      `),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
  });

  it("lets a server finish what it has started", async () => {
    const { code, lines } = await runChild(
      program(`
        const network = systemNetwork();
        const server = scope.use(await serve(async (connection) => {
          for await (const chunk of connection.readable) {
            say("working");
            await until(connection.draining);
            await new Promise((resolve) => setTimeout(resolve, 100));
            await connection.write(chunk);
          }
        }, { network, signal: scope.draining }));
        const client = await network.dial(server.address, {});
        client.start({ data: (chunk) => say("answer " + new TextDecoder().decode(chunk)), end: () => client.end(), drain() {} });
        client.write(new TextEncoder().encode("42"));
        const { cause, outcome, reason } = await server.closed;
        say([cause, outcome, reason === scope.draining.reason].join(" "));
      `),
      { signals: [{ after: "working", signal: "SIGINT" }] },
    );
    expect(lines).toEqual(["working", "answer 42", "aborted clean true", "over, listeners: 0"]);
    expect(code).toBe(130);
  });

  it("forces the end at the second signal, and still frees everything", async () => {
    const { code, lines, stderr } = await runChild(
      program(`
        const network = systemNetwork();
        scope.use(resource("first"));
        const server = scope.use(await serve(() => new Promise(() => {}), { network }));
        const client = await network.dial(server.address, {});
        client.start({ data() {}, end: () => client.end(), drain() {} });
        scope.signal.addEventListener("abort", () => say("forced by " + scope.signal.reason.signal));
        scope.draining.addEventListener("abort", () => say("draining"));
        say("ready");
        say("server " + (await server.closed).outcome);
      `),
      { signals: [{ after: "ready", signal: "SIGTERM" }, { after: "draining", signal: "SIGINT" }] },
    );
    expect(lines.slice(0, 3)).toEqual(["ready", "draining", "forced by SIGINT"]);
    expect(lines.slice(3).sort()).toEqual(["freed first", "over, listeners: 0", "server forced"]);
    // The first one says why it ended; the report says that it was forced.
    expect(code).toBe(143);
    expect(stderr).toMatch(/^main: forced in /);
  });

  it("gives the third signal its default effect", async () => {
    const { code, signal, lines } = await runChild(
      program(
        `
        scope.defer(() => new Promise(() => {}));
        scope.draining.addEventListener("abort", () => say("draining"));
        scope.signal.addEventListener("abort", () => say("forced"));
        say("ready");
        await new Promise(() => {});
      `,
        "{ report: () => new Promise(() => {}) }",
      ),
      {
        signals: [
          { after: "ready", signal: "SIGINT" },
          { after: "draining", signal: "SIGINT" },
          { after: "forced", signal: "SIGINT" },
        ],
      },
    );
    expect(lines).toEqual(["ready", "draining", "forced"]);
    // A shell says 130 for it, and so does a runtime that turns it into an exit code.
    expect(signal === "SIGINT" || code === 130).toBe(true);
  });

  it("reports a disposer that fails: exit code 1, and the Farewell on stderr", async () => {
    const { code, lines, stderr } = await runChild(program(`
      scope.use(resource("first"));
      scope.defer(function flush() { throw new Error("no space left"); });
    `));
    expect(lines).toEqual(["freed first", "over, listeners: 0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("main: failed");
    expect(stderr).toContain("flush: failed");
    expect(stderr).toContain("no space left");
  });

  it("hands everything to the report of the caller instead of printing", async () => {
    const { code, lines, stderr } = await runChild(
      program(
        `say("ready"); await until(scope.draining); throw new TypeError("a bug");`,
        `{ name: "job", report: ({ farewell, failure, signal, exitCode }) => {
            say([farewell.name, farewell.outcome, farewell.cause, failure.error.message, signal, exitCode].join(" "));
        } }`,
      ),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["ready", "job clean aborted a bug SIGTERM 1", "over, listeners: 0"]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
  });

  it("keeps the process alive while main waits for nothing but the signal", async () => {
    const { code, lines } = await runChild(
      program(`say("ready"); await until(scope.draining); say("told");`),
      { signals: [{ after: "ready", signal: "SIGINT" }] },
    );
    expect(lines).toEqual(["ready", "told", "over, listeners: 0"]);
    expect(code).toBe(130);
  });

  it("gives up a main that does not return after everything has ended", async () => {
    const { code, lines, stderr } = await runChild(
      `
      const setTimer = globalThis.setTimeout;
      globalThis.setTimeout = (callback, delay) => setTimer(callback, delay === 5_000 ? 50 : delay);
      ` + program(`scope.use(resource("first")); say("ready"); await new Promise(() => {});`),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["ready", "freed first", "over, listeners: 0"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Cannot end main: it has not returned 5000 ms after the end of its scope");
  });

  it("waits for such a main no longer when the second signal comes; what it throws later disturbs nobody", async () => {
    const { code, lines, lingered, stderr } = await runChild(
      program(`
        scope.use(resource("first"));
        say("ready");
        await new Promise((_, reject) => process.once("late", reject));
      `) + `process.emit("late", new Error("too late"));`,
      { signals: [{ after: "ready", signal: "SIGINT" }, { after: "freed first", signal: "SIGINT" }] },
    );
    expect(lines).toEqual(["ready", "freed first", "over, listeners: 0"]);
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("limits a main that has ended its scope itself, too", async () => {
    const { code, lines, stderr } = await runChild(
      program(`
        await scope.goodbye();
        process.once("SIGTERM", () => say("told"));
        say("ready");
        await new Promise(() => {});
      `),
      { signals: [{ after: "ready", signal: "SIGTERM" }, { after: "told", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["ready", "told", "over, listeners: 0"]);
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
  });

  it("interrupts what is being opened: nothing of it is left, and that is no failure", async () => {
    const { code, lines, lingered, stderr } = await runChild(
      program(`
        const network = systemNetwork();
        const { connect } = await import("gracewire/eventmesh");
        const silent = scope.use(await serve((connection) => until(connection.draining), { network }));
        setTimeout(() => say("opening"), 20);
        try {
          scope.use(await connect(silent.url.replace("tcp:", "eventmesh:"), { signal: scope.draining }));
        } catch (error) {
          say("the reason itself: " + (error === scope.draining.reason));
          throw error;
        }
      `),
      { signals: [{ after: "opening", signal: "SIGINT" }] },
    );
    expect(lines).toEqual(["opening", "the reason itself: true", "over, listeners: 0"]);
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("takes an AbortError that wraps the reason for the interrupt, and another error for a failure", async () => {
    const { code, stderr } = await runChild(
      `import { setTimeout as sleep } from "node:timers/promises";` +
        program(`say("ready"); await sleep(60_000, undefined, { signal: scope.draining });`),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
  });

  it("ends with a signal of the caller, without a code of its own", async () => {
    const { code, lines } = await runChild(`
      import { run } from "gracewire/process";
      const controller = new AbortController();
      const reason = { why: "enough" };
      await run(async (scope) => {
        scope.defer(() => console.log("freed"));
        queueMicrotask(() => controller.abort(reason));
        await new Promise((resolve) => scope.draining.addEventListener("abort", resolve));
        console.log(scope.draining.reason === reason);
      }, { signal: controller.signal });
      process.exitCode = process.exitCode || 7;
    `);
    expect([...lines].sort()).toEqual(["freed", "true"]);
    expect(code).toBe(7);
  });

  it("rejects with the reason of a signal that has aborted, before main runs", async () => {
    const reason = { why: "never" };
    let ran = false;
    const running = run(() => void (ran = true), { signal: AbortSignal.abort(reason) });
    await expect(running).rejects.toBe(reason);
    expect(ran).toBe(false);
  });

  it.each<[unknown, RunOptions, string]>([
    [undefined, {}, "Cannot run: expected a function as main, got undefined"],
    [
      () => {},
      { signal: {} as AbortSignal },
      'Cannot use option "signal": expected an AbortSignal, got object',
    ],
    [() => {}, { report: 1 as never }, 'Cannot use option "report": expected a function, got number'],
    [() => {}, { grace: -5 }, 'Cannot use option "grace": expected 0 or more milliseconds, got -5'],
    [
      () => {},
      { signals: ["SIGKILL" as never] },
      'Cannot use option "signals": expected names of signals like SIGTERM, got SIGKILL',
    ],
    [
      () => {},
      { signals: ["INT" as never] },
      'Cannot use option "signals": expected names of signals like SIGTERM, got INT',
    ],
  ])("refuses wrong options: %#", async (main, options, message) => {
    await expect(run(main as () => void, options)).rejects.toThrow(message);
  });
});

describe("onProcessSignals", () => {
  const watch = `
    import { onProcessSignals } from "gracewire/process";
    const signals = onProcessSignals();
    const say = (text) => console.log(text);
    signals.graceful.addEventListener("abort", () => say("graceful " + signals.graceful.reason.signal));
    signals.forced.addEventListener("abort", () => say("forced " + signals.forced.reason.signal));
    const alive = setInterval(() => {}, 1000);
  `;

  it("keeps its handlers after the first signal, and gives the third its default effect", async () => {
    const { code, signal, lines } = await runChild(`${watch} say("ready");`, {
      signals: [
        { after: "ready", signal: "SIGTERM" },
        { after: "graceful", signal: "SIGINT" },
        { after: "forced", signal: "SIGTERM" },
      ],
    });
    expect(lines).toEqual(["ready", "graceful SIGTERM", "forced SIGINT"]);
    expect(signal === "SIGTERM" || code === 143).toBe(true);
  });

  it("leaves no handler behind, and does not keep the process alive", async () => {
    const removed = await runChild(`${watch} signals.remove(); signals[Symbol.dispose](); say("ready");`, {
      signals: [{ after: "ready", signal: "SIGTERM" }],
    });
    expect(removed.signal === "SIGTERM" || removed.code === 143).toBe(true);
    const idle = await runChild(`${watch} clearInterval(alive); say("idle");`);
    expect(idle).toMatchObject({ code: 0, lines: ["idle"] });
    expect(idle.lingered).toBeLessThan(soon);
  });
});
