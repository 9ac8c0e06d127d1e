/**
 * Seeded bugs of what every protocol has to keep: openings, goodbyes on what is borrowed, ends by many.
 *
 * @module
 */
const openings = ["tests/contracts/opening_client.test.ts"];
const servers = ["tests/contracts/opening.test.ts"];
const arrivals = ["tests/contracts/arrival.test.ts"];
const borrowing = ["tests/contracts/borrowing.test.ts"];
const endings = ["tests/contracts/ending.test.ts"];
const clientEndings = ["tests/contracts/ending_client.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "an attempt whose time is over is forgotten, not awaited",
    file: "lib/lifecycle/limit.ts",
    find: "return await call(controller.signal);",
    put: `return await new Promise((resolve, reject) => {
      controller.signal.addEventListener("abort", () => reject(controller.signal.reason));
      call(controller.signal).then(resolve, reject);
    });`,
    tests: openings,
  },
  {
    name: "the next attempt does not await the end of the one before",
    file: "lib/eventmesh/opening.ts",
    find: "    session.destroy();\n    await session.closed;\n    throw failure;",
    put: "    session.destroy();\n    throw failure;",
    tests: openings,
  },
  {
    name: "a half-made session is left to itself when its opening fails",
    file: "lib/eventmesh/opening.ts",
    find: "    session.destroy();\n    await session.closed;\n    throw failure;",
    put: "    throw failure;",
    tests: openings,
  },
  {
    name: "the end of a connection does not end the subscriptions that are being made",
    file: "lib/messaging/subscribers.ts",
    find: "{ signal, timeout, action, owner: connection.draining, onOwner: refusal }",
    put: "{ signal, timeout, action, onOwner: refusal }",
    tests: openings,
  },
  {
    name: "I15: a server that listens after the abort is handed out",
    file: "lib/server/running.ts",
    find:
      "    if (signal?.aborted) {\n      await this.goodbye({ reason: signal.reason, grace: 0 });\n      throw signal.reason;\n    }\n",
    put: "",
    tests: servers,
  },
  {
    name: "a client that does not say hello is waited for without end",
    file: "lib/broker/session.ts",
    find: `    this.#await(settings.helloTimeout, "say hello");\n`,
    put: "",
    tests: arrivals,
  },
  {
    name: "I3: TLS handshakes are not cut when the listener closes",
    file: "lib/net/listener.ts",
    find: "    await this.#handshakes.cut();\n",
    put: "",
    tests: arrivals,
  },
  {
    name: "I8: the goodbye is said only on a stream that the connection has started itself",
    file: "lib/server/departure.ts",
    find: 'if (!this.#connection.wire.destroyed) return this.#run("goodbye", step);',
    put:
      'if (!this.#connection.wire.destroyed && !this.#connection.wire.started) return this.#run("goodbye", step);',
    tests: borrowing,
  },
  {
    name: "I8: a client that is in a hurry says no goodbye",
    file: "lib/eventmesh/session.ts",
    find: "if (!this.goodbyeSaid && this.#heartbeat !== undefined && error === undefined) {",
    put: "if (this.goodbyeSaid && this.#heartbeat !== undefined && error === undefined) {",
    tests: borrowing,
  },
  {
    name: "a subscription of NATS says its goodbye twice",
    file: "lib/nats/interests.ts",
    find: "    this.#left.set(interest, wire);\n",
    put: "",
    tests: borrowing,
  },
  {
    name: "I2: the last one who ends an endpoint gives the reason",
    file: "lib/lifecycle/lifecycle.ts",
    find: "      budget.tighten(options.grace ?? Infinity, options.tail ?? Infinity, now());\n",
    put:
      "      budget.tighten(options.grace ?? Infinity, options.tail ?? Infinity, now());\n      this.#gear.reason = options.reason ?? this.reason;\n",
    tests: endings,
  },
  {
    name: "I2: a goodbye without a reason takes that of the next one",
    file: "lib/lifecycle/lifecycle.ts",
    find: "      else if (options.forced === true || options.grace === 0) this.force(options.reason);\n",
    put:
      "      else if (options.forced === true || options.grace === 0) this.force(options.reason);\n      this.#gear.reason ??= options.reason;\n",
    tests: endings,
  },
  {
    name: "I6: a forced end goes on to reconnect",
    file: "lib/eventmesh/link.ts",
    find: "  async force(): Promise<void> {\n    this.#stop.abort();\n",
    put: "  async force(): Promise<void> {\n",
    tests: clientEndings,
  },
  {
    name: "a subscription that was made in the moment of the abort is left to itself",
    file: "lib/messaging/subscribers.ts",
    find: "    await subscriber.lifecycle.end({ ...end, forced: true });\n    throw late;",
    put: "    throw late;",
    tests: openings,
  },
  {
    name: "a connection that was lost says that it has left in order",
    file: "lib/server/accepted.ts",
    find: '    if (!lifecycle.ending) return lifecycle.ask({ cause: "lost", reason: error, lost: true });\n',
    put: '    if (!lifecycle.ending) return lifecycle.ask({ cause: "goodbye", reason: error });\n',
    tests: endings,
  },
];
