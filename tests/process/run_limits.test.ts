import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";
import { program, soon } from "./program.ts";

describe("run, when it does not end by itself", () => {
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

  it("gives up a main that does not return after everything has ended", async () => {
    const { code, lines, stderr } = await runChild(
      `
      const setTimer = globalThis.setTimeout;
      globalThis.setTimeout = (callback, delay, ...args) => setTimer(callback, delay === 5_000 ? 50 : delay, ...args);
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
        const silent = scope.use(await serve(async ({ draining, readable }) => {
          for await (const hello of readable) if (hello.length > 0) break;
          say("opening");
          await until(draining);
        }, { network }));
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

  it("waits for a report that comes after the second signal", async () => {
    const { lines } = await runChild(
      program(
        `
        scope.defer(() => new Promise(() => {}));
        scope.draining.addEventListener("abort", () => say("draining"));
        say("ready");
        await until(scope.signal);
      `,
        "{ report: slowly }",
      ),
      { signals: [{ after: "ready", signal: "SIGTERM" }, { after: "draining", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["ready", "draining", "reported", "over, listeners: 0"]);
  });

  it("waits no longer for a report that hangs when the second signal comes", async () => {
    const { code, lines, lingered } = await runChild(
      program(
        `scope.use(resource("first")); say("main");`,
        `{ report: () => {
          // It is still there a few turns after the signal.
          process.once("SIGTERM", async () => {
            for (let turn = 0; turn < 20; turn++) await new Promise((go) => setImmediate(go));
            say("still");
          });
          say("report");
          return new Promise(() => {});
        } }`,
      ),
      { signals: [{ after: "report", signal: "SIGTERM" }, { after: "still", signal: "SIGTERM" }] },
    );
    expect(lines).toEqual(["main", "freed first", "report", "still", "over, listeners: 0"]);
    // It had ended before anybody told it to.
    expect(code).toBe(0);
    expect(lingered).toBeLessThan(soon);
  });

  it("gives the third signal its default effect while a hook hangs", async () => {
    const { code, signal, lines } = await runChild(
      program(`
        scope.defer(() => { say("hangs too"); return new Promise(() => {}); });
        scope.defer(() => { say("hangs"); return new Promise(() => {}); });
        say("ready");
        await until(scope.draining);
      `),
      {
        signals: [
          { after: "ready", signal: "SIGTERM" },
          { after: "hangs", signal: "SIGINT" },
          { after: "hangs too", signal: "SIGTERM" },
        ],
      },
    );
    expect(lines).toEqual(["ready", "hangs", "hangs too"]);
    expect(signal === "SIGTERM" || code === 143).toBe(true);
  });

  it("leaves a signal before it to its default effect, and one after it too", async () => {
    const before = await runChild(
      program(`say("never");`).replace(
        "await run(",
        `say("starting"); await new Promise((go) => setTimeout(go, 60_000)); await run(`,
      ),
      { signals: [{ after: "starting", signal: "SIGTERM" }] },
    );
    expect(before.lines).toEqual(["starting"]);
    expect(before.signal === "SIGTERM" || before.code === 143).toBe(true);
    const after = await runChild(program(`say("main");`) + `setTimeout(() => {}, 60_000);`, {
      signals: [{ after: "over", signal: "SIGINT" }],
    });
    expect(after.lines).toEqual(["main", "over, listeners: 0"]);
    expect(after.signal === "SIGINT" || after.code === 130).toBe(true);
  });

  it("does not stand between an uncaught exception and the process", async () => {
    // Not awaited at the top: while that is, Bun prints the error and goes on.
    const { code, lines, stderr } = await runChild(`
      import { run } from "gracewire/process";
      void run(async (scope) => {
        scope.defer(() => console.log("freed"));
        setTimeout(() => { throw new Error("a mistake elsewhere"); }, 20);
        console.log("ready");
        await new Promise((resolve) => scope.draining.addEventListener("abort", resolve));
      });
    `);
    expect(lines).toEqual(["ready"]);
    expect(code).toBe(1);
    expect(stderr).toContain("a mistake elsewhere");
  });

  it("counts signals of one kind that come in one moment as one or as more, and those of two kinds as two", async () => {
    const burst = async (first: NodeJS.Signals, second: NodeJS.Signals): Promise<string> => {
      const { code, lines } = await runChild(
        program(
          `
          scope.defer(() => new Promise((free) => setTimeout(free, 200)));
          say("ready");
          await until(scope.draining);
        `,
          "{ report: ({ farewell }) => say(farewell.outcome) }",
        ),
        { signals: [{ after: "ready", signal: first }, { after: "", signal: second }] },
      );
      return `${code} ${lines[1]}`;
    };
    // The system keeps one of a kind until it is taken, and so do the runtimes.
    expect(await burst("SIGTERM", "SIGTERM")).toMatch(forced("143 clean"));
    // A hook that does not stop when it is cut counts as a failure.
    expect(await burst("SIGTERM", "SIGINT")).toMatch(forced());
  });
});

function forced(...or: string[]): RegExp {
  return new RegExp(`^(${["1 failed", "130 forced", "143 forced", ...or].join("|")})$`);
}
