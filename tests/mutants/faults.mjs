/**
 * Seeded bugs that faulty peers, stubborn handlers and stubborn hooks bring to light.
 *
 * @module
 */
const hooks = ["tests/faults/stubborn_hooks.test.ts"];
const handlers = ["tests/faults/stubborn_handlers.test.ts"];
const run = ["tests/faults/stubborn_run.test.ts"];
const farewell = ["tests/lifecycle/farewell.test.ts"];
const server = ["tests/faults/server.test.ts"];
const broker = ["tests/faults/broker.test.ts"];
const client = ["tests/faults/client.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I6: a hook that was cut and stops passes for one that hangs",
    file: "lib/lifecycle/hook_list.ts",
    find: "      Object.assign(report, { ended, duration });\n",
    put: "",
    tests: hooks,
  },
  {
    name: "a hook that was cut and does not stop passes",
    file: "lib/lifecycle/hook_list.ts",
    find: "return this.#failed || this.#cut.size > 0;",
    put: "return this.#failed;",
    tests: hooks,
  },
  {
    name: "a hook that was cut is not waited for",
    file: "lib/lifecycle/hooks.ts",
    find: "  if (settled === undefined) return;",
    put: `  if (settled === undefined || step.phase === "release") return;`,
    tests: hooks,
  },
  {
    name: "I6: a hook that was cut may take all the time of release to stop",
    file: "lib/lifecycle/hooks.ts",
    find: "Math.min(stopTime, step.remaining() * 0.95)",
    put: "step.remaining() * 0.95",
    tests: hooks,
  },
  {
    name: "what fails in a hook that was cut is lost",
    file: "lib/lifecycle/hooks.ts",
    find: `  return error instanceof Error && (error.name === "AbortError" || error.cause === reason);`,
    put: "  return true;",
    tests: hooks,
  },
  {
    name: "I6: a release step that was cut is not waited for",
    file: "lib/server/steps.ts",
    find: "    await settleCutHooks(step, this.#lifecycle.farewell);\n",
    put: "",
    tests: hooks,
  },
  {
    name: "I6: a disposer that was cut in drain is not waited for",
    file: "lib/lifecycle/scope.ts",
    find: `    if (mode === "forced") await settleCutHooks(step, this.#lifecycle.farewell);\n`,
    put: "",
    tests: hooks,
  },
  {
    name: "I18: a Farewell keeps every hook",
    file: "lib/lifecycle/hook_list.ts",
    find: "if (this.#listed.length >= capacity) {",
    put: "if (this.#listed.length >= Infinity) {",
    tests: farewell,
  },
  {
    name: "a hook that failed makes room for those that came before",
    file: "lib/lifecycle/hook_list.ts",
    find: `      if (report.ended === "ok") return;\n`,
    put: "      return;\n",
    tests: farewell,
  },
  {
    name: "those that left before take the room of those that end now",
    file: "lib/lifecycle/farewell.ts",
    find: "...this.#guests?.slice(0, childCapacity - children.length) ?? [], ...children",
    put: "...this.#guests ?? [], ...children.slice(0, childCapacity - (this.#guests?.length ?? 0))",
    tests: farewell,
  },
  {
    name: "I5: a server waits for a connection that has no time left to drain",
    file: "lib/server/departure.ts",
    find: "    this.#onDrained();\n    if (this.withServer",
    put: "    if (this.withServer",
    tests: handlers,
  },
  {
    name: "I5: main may take as long as it likes after its scope",
    file: "lib/process/run.ts",
    find: "const mainLimit = 5_000;",
    put: "const mainLimit = 60_000;",
    tests: run,
  },
  {
    name: "a peer that resets when it has got everything counts as lost",
    file: "lib/server/accepted.ts",
    find: "if (this.wire.told || lifecycle.state",
    put: "if (lifecycle.state",
    tests: server,
  },
  {
    name: "bytes that end in the midst of a frame are no protocol error",
    file: "lib/server/accepted.ts",
    find: `cause: protocol ? "protocol-error" : "handler-error"`,
    put: `cause: "handler-error"`,
    tests: server,
  },
  {
    name: "I5: a client that does not say hello is said goodbye",
    file: "lib/server/accepted.ts",
    find: 'cause: "handshake-timeout", reason, grace: 0',
    put: 'cause: "handshake-timeout", reason',
    tests: broker,
  },
  {
    name: "I5: a client that does not answer a goodbye has half of the time for it",
    file: "lib/broker/session.ts",
    find: "Math.min(answerTimeout, step.remaining() / 2)",
    put: "step.remaining() / 2",
    tests: broker,
  },
  {
    name: "I5: the client waits for the end of a server that has answered its goodbye",
    file: "lib/eventmesh/session.ts",
    find: "const lingering = 1_000;",
    put: "const lingering = 30_000;",
    tests: client,
  },
];
