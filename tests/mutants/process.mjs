/**
 * Seeded bugs of `lib/process`.
 *
 * @module
 */
const tests = ["tests/process/run.test.ts", "tests/process/run_limits.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I6: the second signal does not force",
    file: "lib/process/run.ts",
    find: "  onAbort(scope.draining, () => void scope.goodbye({ signal: signals.forced }));\n",
    put: "",
    tests,
  },
  {
    name: "I6: the second signal kills",
    file: "lib/process/signals.ts",
    find: "process.on(name, onSignal)",
    put: "process.once(name, onSignal)",
    tests,
  },
  {
    name: "I6: the third signal is swallowed",
    file: "lib/process/signals.ts",
    find: "    process.kill(process.pid, name);\n",
    put: "",
    tests,
  },
  {
    name: "I11: the handlers stay after the end",
    file: "lib/process/run.ts",
    find: "  signals.remove();\n",
    put: "",
    tests,
  },
  {
    name: "I11: the process is kept alive after the end",
    file: "lib/process/run.ts",
    find: "  clearInterval(alive);\n",
    put: "",
    tests,
  },
  {
    name: "I18: a program stays on the signal of its caller",
    file: "lib/process/run.ts",
    find: "  for (const link of links) link.unlink();\n",
    put: "  void links;\n",
    tests,
  },
  {
    name: "a main that waits for nothing but the signal does not keep the process alive",
    file: "lib/process/run.ts",
    find: "const alive = setInterval(() => {}, 1 << 30);",
    put: "const alive = setInterval(() => {}, 1 << 30).unref();",
    tests,
  },
  {
    name: "a server loses the connections that end with it, at a first signal too",
    file: "lib/server/accepted.ts",
    find:
      '    this.#lifecycle.ask({ cause: "parent", reason, why, limits, grace: drain + limits.goodbye });\n',
    put:
      '    this.#lifecycle.ask({ cause: "parent", reason, why, limits, grace: drain + limits.goodbye });\n' +
      '    this.#streamLost(new Error("a loss"));\n',
    tests: ["tests/process/signals.test.ts"],
  },
  {
    name: "I10: the interrupt itself is a failure",
    file: "lib/process/run.ts",
    find: "    if (!isInterrupt(error, scope)) return { error };\n",
    put: "    return { error };\n",
    tests,
  },
  {
    name: "I10: an abort for another reason is taken for the interrupt",
    file: "lib/process/run.ts",
    find: ` &&\n    (error.cause === undefined || reasons.includes(error.cause));`,
    put: ";",
    tests,
  },
  {
    name: "I17: main that throws leaves what it owns",
    file: "lib/process/run.ts",
    find: "    if (!isInterrupt(error, scope)) return { error };\n",
    put: "    if (!isInterrupt(error, scope)) throw error;\n",
    tests,
  },
  {
    name: "I5: a main that does not return is waited for",
    file: "lib/process/run.ts",
    find: "await Promise.race([failureOf(main, scope), stuck.promise]);",
    put: "await failureOf(main, scope);",
    tests,
  },
  {
    name: "I6: the second signal does not give up a main that does not return",
    file: "lib/process/run.ts",
    find: "    onAbort(forced, () => stuck.resolve(undefined));\n",
    put: "    void forced;\n",
    tests,
  },
  {
    name: "the exit code does not tell the signal",
    file: "lib/process/names.ts",
    find: "return 128 + ",
    put: "return 0 * ",
    tests,
  },
  {
    name: "a failed end passes for success",
    file: "lib/process/run.ts",
    find: `const failed = failure !== undefined || farewell.outcome === "failed";`,
    put: "const failed = failure !== undefined;",
    tests,
  },
  {
    name: "a program starts although its signal has aborted",
    file: "lib/process/run.ts",
    find: "  if (options.signal?.aborted) throw options.signal.reason;\n",
    put: "",
    tests,
  },
  {
    name: "the exit code that main has set is lost",
    file: "lib/process/run.ts",
    find: "if (code !== 0 || process.exitCode === undefined) process.exitCode = code;",
    put: "process.exitCode = code;",
    tests,
  },
  {
    name: "I9: a report that throws leaves the handlers",
    file: "lib/process/run.ts",
    find: "    console.error(error);\n    setExitCode(1);",
    put: "    throw error;",
    tests,
  },
  {
    name: "a signal that nobody can handle is taken",
    file: "lib/process/names.ts",
    find: `!Object.hasOwn(constants.signals, name) || `,
    put: "",
    tests,
  },
];
