/**
 * Seeded bugs of `lib/nats`.
 *
 * @module
 */
const connect = ["tests/nats/connect.test.ts"];
const goodbye = ["tests/nats/goodbye.test.ts"];
const publish = ["tests/nats/publish.test.ts"];
const request = ["tests/nats/request.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I15: an attempt that fails forgets its stream",
    file: "lib/nats/wire.ts",
    find: "      this.destroy();\n      this.#transport?.destroy();\n",
    put: "      this.#closed.resolve(undefined);\n",
    tests: connect,
  },
  {
    name: "I11: an end that is under way is not waited for",
    file: "lib/nats/protocol.ts",
    find: "    return this.#end ??= this.#close(error);",
    put: "    this.#end ??= Promise.resolve();\n    return this.#close(error);",
    tests: goodbye,
  },
  {
    name: "a message is confirmed by the answer on another connection",
    file: "lib/nats/confirmations.ts",
    find: "    this.#confirmed = this.#last;\n    this.bytes = 0;",
    put: "    this.#confirmed = this.#last;",
    tests: publish,
  },
  {
    name: "the window in bytes holds nothing back",
    file: "lib/nats/publisher.ts",
    find: "const writable = !this.#full && this.#confirmations.bytes < this.#options.windowBytes;",
    put: "const writable = !this.#full;",
    tests: publish,
  },
  {
    name: "a publish that is not allowed counts as confirmed",
    file: "lib/nats/link.ts",
    find: 'if (status.error.operation === "publish") handler.denied(status.error);',
    put: "",
    tests: publish,
  },
  {
    name: "the client's own writes go out behind ours",
    file: "lib/nats/link.ts",
    find: "    if (outbound.length() > 0) this.protocol.flushPending();\n",
    put: "    void outbound;\n",
    tests: publish,
  },
  {
    name: "whoever gathers replies is not told of a loss",
    file: "lib/nats/publisher.ts",
    find: "    this.requests.lost(cause);\n",
    put: "",
    tests: request,
  },
  {
    name: "a goodbye stops to take messages before it unsubscribes",
    file: "lib/nats/subscriber.ts",
    find:
      "    for (const subscription of this.#subscriptions) link.interests.leave(subscription);\n    if (!link.up) return;",
    put: "    if (link.up) return;",
    tests: goodbye,
  },
  {
    name: "wrong credentials are tried for ever",
    file: "lib/nats/link.ts",
    find: "if (refusals > this.protocol.servers.length()) return handler.terminal(failure as PeerError);",
    put: "",
    tests: goodbye,
  },
  {
    name: "silence counts as death while nothing is read",
    file: "lib/nats/link.ts",
    find: "    this.protocol.heartbeats.cancel();\n    this.#keepAlive();\n  }\n\n  resume",
    put: "    this.#keepAlive();\n  }\n\n  resume",
    tests: goodbye,
  },
];
