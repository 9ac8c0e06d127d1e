/**
 * Seeded bugs of `lib/messaging`.
 *
 * @module
 */
const delivery = ["tests/messaging/delivery.test.ts"];
const iterator = ["tests/messaging/iterator.test.ts"];
const message = ["tests/messaging/message.test.ts"];
const subscription = ["tests/messaging/subscription.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I7: what comes after the intake has stopped has no fate",
    file: "lib/messaging/delivery.ts",
    find: "      message.settle(this.#options.unacked);\n      return;\n    }\n    const full",
    put: "      return;\n    }\n    const full",
    tests: delivery,
  },
  {
    name: "I7: what a consumer still holds at the end has no fate",
    file: "lib/messaging/delivery.ts",
    find: "    for (const message of [...this.#out]) message.settle(this.#options.unacked);\n",
    put: "",
    tests: delivery,
  },
  {
    name: "I7: what a full buffer drops is not acknowledged",
    file: "lib/messaging/delivery.ts",
    find: '    message.source.acknowledge();\n    message.settle("dropped");',
    put: '    message.settle("dropped");',
    tests: delivery,
  },
  {
    name: "I13: a message whose handler has thrown is acknowledged",
    file: "lib/messaging/delivery.ts",
    find: "    message.settle(this.#options.unacked);\n    this.#options.onFault(error);",
    put: "    message.ack();\n    this.#options.onFault(error);",
    tests: delivery,
  },
  {
    name: "one handler more than allowed runs",
    file: "lib/messaging/delivery.ts",
    find: "handlers.running < handlers.concurrency",
    put: "handlers.running <= handlers.concurrency",
    tests: delivery,
  },
  {
    name: "I4: drain is over while a handler runs",
    file: "lib/messaging/delivery.ts",
    find: " && this.#out.size === 0 && (this.#handlers?.running ?? 0) === 0",
    put: "",
    tests: delivery,
  },
  {
    name: "the buffer of an active consumer is thrown away when the intake stops",
    file: "lib/messaging/delivery.ts",
    find: "if (!iterating && this.#handlers === undefined) this.#discardWaiting();",
    put: "this.#discardWaiting();",
    tests: delivery,
  },
  {
    name: "I8: reading stays paused during the end",
    file: "lib/messaging/delivery.ts",
    find: "if (this.#open && (this.waiting > capacity / 2 || this.#bytes > capacityBytes / 2)) return;",
    put: "if (this.waiting > capacity / 2 || this.#bytes > capacityBytes / 2) return;",
    tests: [...delivery, ...subscription],
  },
  {
    name: "I18: a buffer is bounded in messages only",
    file: "lib/messaging/delivery.ts",
    find: "} else if (this.#open && (this.waiting >= capacity || this.#bytes >= capacityBytes)) {",
    put: "} else if (this.#open && this.waiting >= capacity) {",
    tests: delivery,
  },
  {
    name: "what was taken out of a buffer still counts in it",
    file: "lib/messaging/delivery.ts",
    find: "    this.#bytes -= message.source.size;\n",
    put: "",
    tests: delivery,
  },
  {
    name: "handlers that return at once let nobody else have a turn",
    file: "lib/messaging/delivery.ts",
    find: "if (++atOnce === turn) return this.#schedule();",
    put: "atOnce++;",
    tests: delivery,
  },
  {
    name: "I10: what a handler returns after the end is sent",
    file: "lib/messaging/delivery.ts",
    find: "    if (this.#ended) return undefined;\n    if (result",
    put: "    if (result",
    tests: delivery,
  },
  {
    name: "drop-oldest drops one message where the new one needs the room of several",
    file: "lib/messaging/delivery.ts",
    find: "          if (oldest === undefined) break;\n          this.#drop(oldest);",
    put: "          if (oldest === undefined) break;\n          this.#drop(oldest);\n          break;",
    tests: delivery,
  },
  {
    name: "a second consumer is let in",
    file: "lib/messaging/delivery.ts",
    find: "if (this.#iterator === undefined && this.#handlers === undefined) return;\n    const topics",
    put: "if (this.#handlers === undefined) return;\n    const topics",
    tests: delivery,
  },
  {
    name: "next() does not acknowledge the message before",
    file: "lib/messaging/iterator.ts",
    find: "    this.#current?.ack();\n",
    put: "",
    tests: iterator,
  },
  {
    name: "break acknowledges the message at hand",
    file: "lib/messaging/delivery.ts",
    find: "current?.settle(this.#options.unacked);",
    put: "current?.ack();",
    tests: iterator,
  },
  {
    name: "I2: return() leaves a pending next() behind",
    file: "lib/messaging/iterator.ts",
    find: "    this.#finish();\n    return Promise.resolve(endOfIteration);",
    put: "    return Promise.resolve(endOfIteration);",
    tests: iterator,
  },
  {
    name: "I10: a loop gets the reason again and again",
    file: "lib/messaging/iterator.ts",
    find: "      this.#error = undefined;\n      this.#waiting = undefined;",
    put: "      this.#waiting = undefined;",
    tests: iterator,
  },
  {
    name: "I7: an acknowledgement that could not be sent counts",
    file: "lib/messaging/message.ts",
    find: `this.settle(this.source.acknowledge() ? "acked" : "returned");`,
    put: `this.source.acknowledge();\n    this.settle("acked");`,
    tests: message,
  },
  {
    name: "I10: a message is replied to twice",
    file: "lib/messaging/message.ts",
    find: "    this.#responded = true;\n",
    put: "",
    tests: message,
  },
  {
    name: "I7: a message gets a second fate",
    file: "lib/messaging/message.ts",
    find: "    if (this.#fate !== undefined) return;\n    this.#fate = fate;",
    put: "    this.#fate = fate;",
    tests: [...message, ...delivery],
  },
  {
    name: "a schema that answers later is taken for one that accepts",
    file: "lib/messaging/message.ts",
    find: "if (result instanceof Promise) {",
    put: "if (result === undefined) {",
    tests: message,
  },
  {
    name: "I10: a loop ends normally after a loss",
    file: "lib/messaging/subscription.ts",
    find: "this.#delivery.end(normal ? undefined : { reason });",
    put: "this.#delivery.end(normal || true ? undefined : { reason });",
    tests: subscription,
  },
  {
    name: "I6: an abort of consume waits for the handlers",
    file: "lib/messaging/subscription.ts",
    find: "this.lifecycle.govern(options.signal, { forced: true });",
    put: "this.lifecycle.govern(options.signal);",
    tests: subscription,
  },
  {
    name: "I6: a forced end leaves the loop waiting",
    file: "lib/messaging/subscription.ts",
    find: "        force: (step) => {\n          this.#endDelivery();",
    put: "        force: (step) => {",
    tests: subscription,
  },
];
