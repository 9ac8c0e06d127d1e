/**
 * Seeded bugs against I10, I11, I12, I14, I15, I16 and I17.
 *
 * @module
 */
const reasons = ["tests/invariants/i10_reasons.test.ts"];
const residue = ["tests/invariants/i11_residue.test.ts"];
const exits = ["tests/invariants/i11_exit.test.ts"];
const address = ["tests/invariants/i12_address.test.ts"];
const spin = ["tests/invariants/i14_spin.test.ts"];
const connects = ["tests/invariants/i15_connect.test.ts"];
const serves = ["tests/invariants/i15_serve.test.ts"];
const reentrancy = ["tests/invariants/i16_reentrancy.test.ts"];
const callers = ["tests/invariants/i17_caller.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I10: what an end refuses does not say why it ended",
    file: "lib/lifecycle/lifecycle.ts",
    find: "return new ClosedError(message, { state: this.state, outcome, cause });",
    put: "return new ClosedError(message, { state: this.state, outcome });",
    tests: reasons,
  },
  {
    name: "I10: the reason null counts as none",
    file: "lib/lifecycle/lifecycle.ts",
    find: "const cause = this.reason === undefined ? this.#made?.forced?.reason : this.reason;",
    put: "const cause = this.reason ?? this.#made?.forced?.reason;",
    tests: reasons,
  },
  {
    name: "I10: a late reply to a message does not say why its subscription ended",
    file: "lib/messaging/subscription.ts",
    find: "      refusal: (action) => lifecycle.ending ? lifecycle.refusal(action) : undefined,\n",
    put: "",
    tests: reasons,
  },
  {
    name: "I10: a write whose signal has aborted is written",
    file: "lib/server/writer.ts",
    find: "    if (signal?.aborted) return Promise.reject(signal.reason);\n",
    put: "",
    tests: reasons,
  },
  {
    name: "I10: a reason that is not true does not refuse run",
    file: "lib/process/run.ts",
    find: "if (options.signal?.aborted) throw",
    put: "if (options.signal?.reason) throw",
    tests: reasons,
  },
  {
    name: "I10: a pool wraps the reason of an acquire that was aborted before",
    file: "lib/pool/running.ts",
    find: "      throw wish.signal.reason;\n",
    put: "      throw new Error('aborted', { cause: wish.signal.reason });\n",
    tests: reasons,
  },
  {
    name: "I10: a loop over the replies of NATS gets the reason of its abort in a wrapping",
    file: "lib/nats/request_many.ts",
    find: "onAbort(signal, (reason) => this.#end({ reason }))",
    put: "onAbort(signal, (reason) => this.#end({ reason: new Error('aborted', { cause: reason }) }))",
    tests: reasons,
  },
  {
    name: "I11: a server leaves a timer of half a second, of which Bun does not tell",
    file: "lib/server/running.ts",
    find: "    this.#released = true;\n",
    put: "    this.#released = true;\n    setTimeout(() => {}, 500);\n",
    tests: exits,
    runtime: "bun",
  },
  {
    name: "I11: run leaves its handlers to the process",
    file: "lib/process/run.ts",
    find: "  signals.remove();\n",
    put: "",
    tests: residue,
  },
  {
    name: "I11: run stays on the signal of its caller",
    file: "lib/process/run.ts",
    find: "  for (const link of links) link.unlink();\n",
    put: "",
    tests: residue,
  },
  {
    name: "I11: an endpoint that is closed stays on the signals of its goodbyes",
    file: "lib/lifecycle/lifecycle.ts",
    find: "    for (const link of gear.links ?? []) link.unlink();\n",
    put: "",
    tests: residue,
  },
  {
    name: "I11: the process stays after run",
    file: "lib/process/run.ts",
    find: "  clearInterval(alive);\n",
    put: "",
    tests: exits,
  },
  {
    name: "I12: a listener that is closed listens on",
    file: "lib/net/listener.ts",
    find: "    this.#server.close();\n",
    put: "",
    tests: address,
  },
  {
    name: "I12: an address that is taken is an error of the system, not of this library",
    file: "lib/net/listen.ts",
    find: `throw connectError("listen on", address, [error]);`,
    put: "throw error;",
    tests: address,
  },
  {
    name: "I14: reports of a listener without descriptors do not get rarer",
    file: "lib/net/listener.ts",
    find: "this.#quiet = Math.min(1000, this.#quiet * 2 || 50);",
    put: "this.#quiet = 50;",
    tests: spin,
  },
  {
    name: "I14: reports get rarer without a bound",
    file: "lib/net/listener.ts",
    find: "this.#quiet = Math.min(1000, this.#quiet * 2 || 50);",
    put: "this.#quiet = this.#quiet * 2 || 50;",
    tests: spin,
  },
  {
    name: "I14: a listener that accepts again is still hushed",
    file: "lib/net/listener.ts",
    find: "    if (this.#late(socket)) return;\n    this.#quiet = 0;\n",
    put: "    if (this.#late(socket)) return;\n",
    tests: spin,
  },
  {
    name: "I14: a server whose listener has died does not say so",
    file: "lib/server/running.ts",
    find: `{ cause: "listener-error", reason }`,
    put: `{ cause: "lost", reason }`,
    tests: spin,
  },
  {
    name: "I14: a server whose listener has died is cut instead of drained",
    file: "lib/server/running.ts",
    find: `{ cause: "listener-error", reason }`,
    put: `{ cause: "listener-error", reason, forced: true }`,
    tests: spin,
  },
  {
    name: "I15: a connect rejects before its socket is gone",
    file: "lib/eventmesh/opening.ts",
    find: "    await session.closed;\n",
    put: "",
    tests: connects,
  },
  {
    name: "I15: a goodbye waits for what is only being opened",
    file: "lib/eventmesh/link.ts",
    find: "    this.#stop.abort();\n    await Promise.all(this.#works);\n    const current",
    put: "    await Promise.all(this.#works);\n    const current",
    tests: connects,
  },
  {
    name: "I15: the goodbye of a TLS server waits for handshakes",
    file: "lib/net/handshake.ts",
    find: "      raw.destroy();\n      return closed;",
    put: "      return closed;",
    tests: serves,
  },
  {
    name: "I16: what is asked for inside of an abort listener comes in between",
    file: "lib/lifecycle/lifecycle.ts",
    find: "    if (this.#reducing) {\n      (this.#gear.inputs ??= []).push(input);\n      return;\n    }\n",
    put: "",
    tests: reentrancy,
  },
  {
    name: "I16: a phase that waits for itself is never cut",
    file: "lib/lifecycle/lifecycle.ts",
    find: "    if (gear.running === running && running.timer === undefined) this.#arm(running);\n",
    put: "",
    tests: reentrancy,
  },
  {
    name: "I16: a drain that waits for itself takes all of the grace",
    file: "lib/lifecycle/phases.ts",
    find: "  drain: 10_000,\n",
    put: "  drain: 20_000,\n",
    tests: reentrancy,
  },
  {
    name: "I17: the interrupt of a scope forces what it owns",
    file: "lib/lifecycle/scope.ts",
    find: "lifecycle.govern(options.signal);",
    put: "lifecycle.govern(options.signal, { forced: true });",
    tests: callers,
  },
  {
    name: "I17: a scope that has ended keeps what comes late",
    file: "lib/lifecycle/scope.ts",
    find: "    Promise.resolve().then(free).catch(",
    put: "    void free;\n    Promise.resolve().catch(",
    tests: callers,
  },
  {
    name: "I17: what a scope gets too late is not told why it ends",
    file: "lib/lifecycle/scope.ts",
    find: "resource.endpoint.goodbye({ reason })",
    put: "resource.endpoint.goodbye()",
    tests: callers,
  },
  {
    name: "I10, I17: a subscription that is aborted while it is made leaves a rejection to nobody",
    file: "lib/messaging/subscribers.ts",
    find: "const settled = starting.then(() => {}, () => {});",
    put: "const settled = starting.then(() => {});",
    tests: reasons,
  },
];
