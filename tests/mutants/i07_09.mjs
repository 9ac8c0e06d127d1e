/**
 * Seeded bugs of conservation (I7), goodbye (I8), quiet (I9) and containment (I13).
 *
 * @module
 */
const ledgers = ["tests/invariants/i07_conservation.test.ts"];
const goodbyes = ["tests/invariants/i08_server.test.ts"];
const clients = ["tests/invariants/i08_client.test.ts"];
const quiet = ["tests/invariants/i09_quiet.test.ts"];
const containment = ["tests/invariants/i13_containment.test.ts"];
const moments = ["tests/invariants/i13_moments.test.ts"];
const bystanders = ["tests/invariants/i13_clients.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I7: a message that comes back is not counted",
    file: "lib/broker/lane.ts",
    find: "    ledger.returned++;\n",
    put: "",
    tests: ledgers,
  },
  {
    name: "I7: what a lost session had is forgotten",
    file: "lib/broker/lane.ts",
    find: "    this.queue.insert(copy);\n    copy.message.settle();",
    put: "    copy.message.settle();",
    tests: ledgers,
  },
  {
    name: "I7: a request without its requester is not counted",
    file: "lib/broker/requests.ts",
    find: "      this.#context.ledger.unconfirmed++;\n",
    put: "",
    tests: ledgers,
  },
  {
    name: "I7: a group is not expected back when its last member was lost",
    file: "lib/broker/lane.ts",
    find: `    this.#expecting = lost && this.kind === "shared";\n`,
    put: "    this.#expecting = false;\n",
    tests: ledgers,
  },
  {
    name: "I7: an abort of an operation is not counted",
    file: "lib/flow/exchange.ts",
    find: "  aborted(operation: Operation<P, T>, reason: unknown): void {\n    this.counts.aborted++;\n",
    put: "  aborted(operation: Operation<P, T>, reason: unknown): void {\n",
    tests: ledgers,
  },
  {
    name: "I7: a publish is counted again each time it is written",
    file: "lib/flow/exchange.ts",
    find: "    if (operation.writes++ === 0) this.counts.published++;\n",
    put: "    operation.writes++;\n    this.counts.published++;\n",
    tests: ["tests/flow/exchange.test.ts"],
  },
  {
    name: "I7: what a lost connection had with the peer counts as withheld",
    file: "lib/flow/exchange.ts",
    find:
      `else this.#reject(operation, lostError(this.#action(operation), "unknown", cause), "unconfirmed");`,
    put:
      `else this.#reject(operation, lostError(this.#action(operation), "not-sent", cause), "unconfirmed");`,
    tests: ledgers,
  },
  {
    name: "I7: an acknowledgement counts although its session is gone",
    file: "lib/messaging/message.ts",
    find: `    this.settle(this.acknowledge() ? "acked" : "returned");`,
    put: `    this.acknowledge();\n    this.settle("acked");`,
    tests: ["tests/messaging/message.test.ts"],
  },
  {
    name: "I7: a message that nobody handled when the end came has no fate",
    file: "lib/messaging/delivery.ts",
    find: "    while (this.#out.first !== undefined) this.#out.first.settle(this.#options.unacked);\n",
    put: "",
    tests: ledgers,
  },
  {
    name: "I7: a subscription that overflows while it is made ends before its stream",
    file: "lib/eventmesh/link.ts",
    find: "    this.#works.add(work);\n    return started;",
    put: "    return started;",
    tests: ["tests/eventmesh/client/subscribe_ends.test.ts"],
  },
  {
    name: "I7: a stream that a server refuses is not counted",
    file: "lib/server/running.ts",
    find: "    this.#refused++;\n    transport.reset();\n",
    put: "    transport.reset();\n",
    tests: ["tests/invariants/i07_connections.test.ts"],
  },
  {
    name: "I7: a connection that its server cuts ends clean",
    file: "lib/server/accepted.ts",
    find: 'this.wire.cut ? "forced" : "clean"',
    put: '"clean"',
    tests: ["tests/server/serve.test.ts", "tests/server/bounded.test.ts"],
  },
  {
    name: "I8: a server destroys a stream behind its goodbye",
    file: "lib/server/departure.ts",
    find: "      if (!wire.destroyed) wire.finish();\n",
    put: "      wire.destroy();\n",
    tests: goodbyes,
  },
  {
    name: "I8: a server ends a stream and does not read on",
    file: "lib/server/wire.ts",
    find: "    this.#reader?.drop();\n    this.#paused = false;\n    this.#below.resume();\n",
    put: "    this.#reader?.drop();\n    this.#below.pause();\n",
    tests: goodbyes,
  },
  {
    name: "I8: the broker says goodbye twice to a client that answers",
    file: "lib/broker/session.ts",
    find: "    this.#deadline?.cancel();\n    if (step.aborted) return;\n",
    put:
      '    this.#deadline?.cancel();\n    if (step.aborted) return;\n    this.#outlet.send({ cmd: "SERVER_GOODBYE_REQUEST", code: 0, desc: QUIT });\n',
    tests: goodbyes,
  },
  {
    name: "I8: the broker closes its outlet before the goodbye has left it",
    file: "lib/broker/session.ts",
    find: `desc });\n      this.#outlet.flush();\n`,
    put: `desc });\n      this.#outlet.close();\n`,
    tests: goodbyes,
  },
  {
    name: "I8: a client destroys its stream behind the answer to its goodbye",
    file: "lib/eventmesh/session.ts",
    find: "    this.#left = true;\n    this.#transport.end();\n    const limits",
    put: "    this.#left = true;\n    this.#transport.reset();\n    const limits",
    tests: clients,
  },
  {
    name: "I8: a client does not read on while it says goodbye",
    file: "lib/eventmesh/session.ts",
    find: "    this.resume();\n    this.#farewell ??=",
    put: "    this.#farewell ??=",
    tests: clients,
  },
  {
    name: "I9: a connection that a server loses ends with a warning",
    file: "lib/server/accepted.ts",
    find: `        type === "farewell" && connection.#loss !== undefined ? "info" : loudness.of(level),\n`,
    put: `        type === "farewell" && connection.state === "open" ? "info" : loudness.of(level),\n`,
    tests: quiet,
  },
  {
    name: "I9: every failure of a connection is a warning of its own",
    file: "lib/server/loudness.ts",
    find: `    return ++this.#count > limit ? "debug" : level;`,
    put: "    return level;",
    tests: quiet,
  },
  {
    name: "I9: a peer that answers the goodbye with a reset is a loss",
    file: "lib/server/accepted.ts",
    find: '    if (this.wire.told || lifecycle.state === "releasing" || lifecycle.state === "closed") {\n',
    put: '    if (lifecycle.state === "releasing" || lifecycle.state === "closed") {\n',
    tests: quiet,
  },
  {
    name: "I9: a write that nobody waits for is an unhandled rejection when the peer is lost",
    file: "lib/server/writer.ts",
    find: "  ignoreRejection(promise);\n",
    put: "",
    tests: containment,
  },
  {
    name: "I13: what a handler throws ends its server",
    file: "lib/server/running.ts",
    find: "      fault: (error) => this.#fault(error),\n",
    put: `      fault: (reason) => void lifecycle.end({ cause: "handler-error", reason }),\n`,
    tests: containment,
  },
  {
    name: "I13: a handler that throws at once throws into the listener",
    file: "lib/server/accepted.ts",
    find: "      return Promise.reject(error);\n    }\n  }\n\n  #onHandlerDone",
    put: "      throw error;\n    }\n  }\n\n  #onHandlerDone",
    tests: containment,
  },
  {
    name: "I13: what a data function throws cuts its stream",
    file: "lib/server/wire.ts",
    find: "    this.mute();\n    this.#owner.failed(error);\n",
    put: "    this.#owner.failed(error);\n    throw error;\n",
    tests: containment,
  },
  {
    name: "I13: the outcome of one connection is that of the server",
    file: "lib/server/running.ts",
    find: "    else this.#lifecycle.farewell.guest(farewell);\n",
    put: "    else this.#lifecycle.farewell.child(farewell);\n",
    tests: containment,
  },
  {
    name: "I13: a step that throws ends the steps of its phase",
    file: "lib/server/steps.ts",
    find: "    const hook = name || `${step.phase} step of the ${lifecycle.name}`;\n",
    put:
      '    if (step.phase !== "goodbye") throw error;\n    const hook = name || `${step.phase} step of the ${lifecycle.name}`;\n',
    tests: moments,
  },
  {
    name: "I13: a client whose handler throws loses its subscription",
    file: "lib/messaging/subscription.ts",
    find: "      onFault: (error) => lifecycle.fault(error),\n",
    put: `      onFault: (reason) => void lifecycle.end({ cause: "handler-error", reason }),\n`,
    tests: bystanders,
  },
  {
    name: "I13: a hello that never comes is awaited for ever",
    file: "lib/broker/session.ts",
    find: '    this.#await(settings.helloTimeout, "say hello");\n',
    put: "",
    tests: ["tests/broker/hello.test.ts"],
  },
  {
    name: "I13: bad bytes of one client stop the whole broker",
    file: "lib/broker/session.ts",
    find: "    if (this.#subscriber !== undefined) this.core.leave(this.#subscriber, !this.#leaving);\n",
    put:
      "    if (this.#subscriber !== undefined) this.core.leave(this.#subscriber, !this.#leaving);\n    if (this.#failure !== undefined) this.core.pause();\n",
    tests: bystanders,
  },
  {
    name: "I13: a connection that is lost stays in the table of its server",
    file: "lib/server/running.ts",
    find: "    this.#connections.delete(connection);\n",
    put: '    if (farewell.cause !== "lost") this.#connections.delete(connection);\n',
    tests: ["tests/server/limits.test.ts"],
  },
];
