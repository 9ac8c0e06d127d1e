/**
 * Seeded bugs that the abort sweep must find: each leaves something behind, or says the wrong thing, at some step only.
 *
 * @module
 */

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I6: a hook that is done when the force comes counts as cut",
    file: "lib/lifecycle/hooks.ts",
    find: `      if (!isThenable(result)) end("ok");\n`,
    put: "",
    tests: ["tests/sweep/server_load.test.ts"],
  },
  {
    name: "I4: release hooks run in the order in which they were added",
    file: "lib/lifecycle/hooks.ts",
    find: "for (let hook = hooks.pop(); hook !== undefined; hook = hooks.pop()) {",
    put: "for (let hook = hooks.shift(); hook !== undefined; hook = hooks.shift()) {",
    tests: ["tests/sweep/server_load.test.ts"],
  },
  {
    name: "I10: what an end refuses does not tell its reason",
    file: "lib/lifecycle/lifecycle.ts",
    find: "const cause = this.reason === undefined ? this.#made?.forced?.reason : this.reason;",
    put: "const cause = this.#made?.forced?.reason;",
    tests: ["tests/sweep/redirect.test.ts"],
  },
  {
    name: "I11: a call that is over leaves its timer",
    file: "lib/lifecycle/limit.ts",
    find: "    timer?.cancel();\n    for",
    put: "    for",
    tests: ["tests/sweep/hello.test.ts"],
  },
  {
    name: "I15: connect rejects before its stream is gone",
    file: "lib/eventmesh/opening.ts",
    find: "    session.destroy();\n    await session.closed;\n    throw failure;",
    put: "    session.destroy();\n    throw failure;",
    tests: ["tests/sweep/hello.test.ts"],
  },
  {
    name: "I11: a redirect that is given up leaves the session it has opened",
    file: "lib/eventmesh/link.ts",
    find: "    if (this.#forced) session.destroy();\n",
    put: "",
    tests: ["tests/sweep/reconnect.test.ts"],
  },
  {
    name: "I8: a session that is left is forgotten by the end",
    file: "lib/eventmesh/link.ts",
    find: "    if (there) this.#retiring.add(session);\n    this.#session = undefined;\n",
    put: "    this.#session = undefined;\n",
    tests: ["tests/sweep/redirect.test.ts"],
  },
  {
    name: "I11: an end does not wait for a subscription that is being made",
    file: "lib/messaging/subscribers.ts",
    find: "...this.#starting, ",
    put: "",
    tests: ["tests/sweep/run.test.ts"],
  },
  {
    name: "I15: serve that is aborted as it listens goes on listening",
    file: "lib/server/running.ts",
    find: "      await this.goodbye({ reason: signal.reason, grace: 0 });\n      throw signal.reason;\n",
    put: "      throw signal.reason;\n",
    tests: ["tests/sweep/server_load.test.ts"],
  },
  {
    name: "a subscribe of NATS that is aborted leaves what it has subscribed to",
    file: "lib/nats/subscriber.ts",
    find: "      this.#drop();\n      if (this.#own) await this.#link.force();\n      throw error;",
    put: "      if (this.#own) await this.#link.force();\n      throw error;",
    tests: ["tests/sweep/nats.test.ts"],
  },
];
