/**
 * Seeded bugs of what the broker grants those whom it does not know, and of the shares of those whom it does.
 *
 * @module
 */
const strangers = ["tests/broker/strangers.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "a stranger may make the broker hold as much as a client",
    file: "lib/broker/session.ts",
    find: "Math.min(settings.maxFrame, strangersFrame)",
    put: "settings.maxFrame",
    tests: strangers,
  },
  {
    name: "a stranger may send larger frames than a client",
    file: "lib/broker/session.ts",
    find: "Math.min(settings.maxFrame, strangersFrame)",
    put: "strangersFrame",
    tests: strangers,
  },
  {
    name: "a client that was let in stays a stranger",
    file: "lib/broker/session.ts",
    find: "    this.#decoder.raise(this.settings.maxFrame);\n",
    put: "",
    tests: strangers,
  },
  {
    name: "a stranger may leave as many answers as a client",
    file: "lib/broker/outlet.ts",
    find: "    if (owner.identity === undefined) return this.#cutAbove(strangersBytes);\n",
    put: "",
    tests: ["tests/broker/pressure.test.ts"],
  },
  {
    name: "the broker does not count the connections of an address",
    file: "lib/broker/start.ts",
    find: "      perAddress: limits.perAddress,\n",
    put: "",
    tests: strangers,
  },
  {
    name: "one session may have all requests",
    file: "lib/broker/requests.ts",
    find: "asker.requests.size >= this.#limit - this.size",
    put: "this.size >= this.#limit",
    tests: ["tests/broker/requests.test.ts"],
  },
];
