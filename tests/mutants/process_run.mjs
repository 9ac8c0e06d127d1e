/**
 * Seeded bugs of programs as a whole: what `run` does with what its scope owns when signals come at any step.
 *
 * @module
 */

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I4: a program frees first what it has opened first",
    file: "lib/lifecycle/scope.ts",
    find: "      const resource = this.#resources.pop()!;\n",
    put: "      const resource = this.#resources.shift()!;\n",
    tests: ["tests/sweep/run.test.ts"],
  },
  {
    name: "I6: what the second signal cuts in its goodbye is forgotten",
    file: "lib/lifecycle/scope.ts",
    find: `      else if (ended === "cut" && mode === "graceful") this.#resources.push(resource);\n`,
    put: "",
    tests: ["tests/sweep/run.test.ts"],
  },
  {
    name: "I11: what comes when the scope has ended is left behind",
    file: "lib/lifecycle/scope.ts",
    find:
      `    Promise.resolve().then(free).catch((error: unknown) => this.#lifecycle.fault(error, "error"));\n`,
    put: "    void free;\n",
    tests: ["tests/sweep/run.test.ts"],
  },
  {
    name: "I5: main has no time of its own after an interrupt",
    file: "lib/process/run.ts",
    find: "  void scope.closed.then(() => onAbort(interrupt, limit));\n",
    put:
      "  void scope.closed.then(() => onAbort(interrupt, () => stuck.resolve(undefined)));\n  void limit;\n",
    tests: ["tests/sweep/run.test.ts"],
  },
  {
    name: "I11: a program is over before its report is",
    file: "lib/process/run.ts",
    find: "  await (signals.forced.aborted ? told : abortable(told, signals.forced).catch(() => {}));\n",
    put: "  void told;\n  void abortable;\n",
    tests: ["tests/process/run.test.ts"],
  },
  {
    name: "I6: a second signal cuts a report off that came after it",
    file: "lib/process/run.ts",
    find: "  await (signals.forced.aborted ? told : abortable(told, signals.forced).catch(() => {}));\n",
    put: "  await abortable(told, signals.forced).catch(() => {});\n",
    tests: ["tests/process/run_limits.test.ts"],
  },
  {
    name: "the exit code does not tell the signal that the caller has made an abort of",
    file: "lib/process/run.ts",
    find: "signals.graceful.aborted ? signals.graceful : interrupt.signal;",
    put: "signals.graceful;",
    tests: ["tests/process/run.test.ts"],
  },
  {
    name: "I10: an interrupt without a cause is a failure on Deno",
    file: "lib/process/run.ts",
    find: "    (error.cause === undefined || reasons.includes(error.cause));\n",
    put: "    reasons.includes(error.cause);\n",
    tests: ["tests/process/run.test.ts"],
    runtime: "deno",
  },
  {
    name: "I5: a report that hangs is waited for in spite of the second signal",
    file: "lib/process/run.ts",
    find: "  await (signals.forced.aborted ? told : abortable(told, signals.forced).catch(() => {}));\n",
    put: "  await told;\n  void abortable;\n",
    tests: ["tests/process/run_limits.test.ts"],
  },
];
