import { describe, expect, it } from "vitest";
import { run, type RunOptions } from "../../lib/process/mod.ts";
import { runChild } from "../support/child.ts";
import { program, soon } from "./program.ts";

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
            for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
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

  it("takes an AbortError that wraps the reason for the interrupt, and another error for a failure", async () => {
    const { code, stderr } = await runChild(
      `import { setTimeout as sleep } from "node:timers/promises";` +
        program(`say("ready"); await sleep(60_000, undefined, { signal: scope.draining });`),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect({ code, stderr }).toEqual({ code: 143, stderr: "" });
    const own = await runChild(
      program(`say("ready"); await until(scope.draining); 
        throw Object.assign(new Error("mine", { cause: "another" }), { name: "AbortError" });`),
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect([own.code, own.stderr.includes("mine")]).toEqual([1, true]);
  });

  it("keeps the exit code that main has set itself, unless something is wrong", async () => {
    const head = `import process from "node:process";`;
    const fine = await runChild(head + program(`process.exitCode = 3;`));
    const wrong = await runChild(head + program(`process.exitCode = 3; throw new Error("a bug");`));
    expect([fine.code, wrong.code]).toEqual([3, 1]);
  });

  it("is over when its report is", async () => {
    const { lines } = await runChild(program(`say("main");`, `{ report: slowly }`));
    expect(lines).toEqual(["main", "reported", "over, listeners: 0"]);
  });

  it("ends in order also when the report throws: exit code 1, and the error on stderr", async () => {
    const { code, lines, stderr } = await runChild(
      program(`scope.use(resource("first"));`, `{ report() { throw new Error("no report"); } }`),
    );
    expect({ code, lines }).toEqual({ code: 1, lines: ["freed first", "over, listeners: 0"] });
    expect(stderr).toContain("no report");
  });

  it("leaves no listener on the signal of the caller", async () => {
    const { code, lines } = await runChild(`
      import { run } from "gracewire/process";
      const { signal } = new AbortController();
      let listeners = 0;
      for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
        const method = signal[name];
        signal[name] = (...args) => (listeners += step, method.apply(signal, args));
      }
      await run(() => console.log(listeners), { signal });
      console.log(listeners);
    `);
    expect({ code, lines }).toEqual({ code: 0, lines: ["1", "0"] });
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

  it("takes an AbortError without a cause for the interrupt, as not every runtime tells it", async () => {
    const { code, stderr } = await runChild(
      `import { EventEmitter, once } from "node:events";` +
        program(`say("ready"); await once(new EventEmitter(), "nothing", { signal: scope.draining });`),
      { signals: [{ after: "ready", signal: "SIGINT" }] },
    );
    expect({ code, stderr }).toEqual({ code: 130, stderr: "" });
  });

  it("tells the signal in its exit code also when the caller has made the abort of it", async () => {
    const { code, lines } = await runChild(
      program(`say("ready"); await until(scope.draining);`, `{ signals: [], signal: mine.graceful }`)
        .replace("await run(", "const mine = onProcessSignals(); await run(") + `mine.remove();`,
      { signals: [{ after: "ready", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["ready", "over, listeners: 2"]);
    expect(code).toBe(143);
  });
});
