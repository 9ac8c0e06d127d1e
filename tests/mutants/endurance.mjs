/**
 * Seeded bugs that only show when something is done, or held, by the thousand.
 *
 * @module
 */

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I18: an operation that is over stays on its signal",
    file: "lib/lifecycle/abort.ts",
    find: "        link.unlink();\n        resolve(value);\n",
    put: "        resolve(value);\n",
    tests: ["tests/endurance/operations.test.ts"],
  },
  {
    name: "I18: a request that was answered is kept",
    file: "lib/broker/requests.ts",
    find: "    request.asker.requests.remove(request);\n",
    put: "",
    tests: ["tests/endurance/operations.test.ts"],
  },
  {
    name: "I18: a broker keeps the sessions that have left",
    file: "lib/broker/running.ts",
    find: "left: (session) => void this.#sessions.delete(session),",
    put: "left: () => {},",
    tests: ["tests/endurance/clients.test.ts"],
  },
  {
    name: "a connection is made with all that it may ever be asked for",
    file: "lib/server/accepted.ts",
    find: "    this.wire = new Wire(transport, this);\n",
    put: "    this.wire = new Wire(transport, this);\n    void [this.closed, this.signal, this.draining];\n",
    tests: ["tests/endurance/scale.test.ts"],
  },
  {
    name: "I8: of ten thousand connections, those that wait for their turn are never told goodbye",
    file: "lib/server/departure.ts",
    find: "    if (step !== undefined) this.#say(step);\n",
    put: "",
    tests: ["tests/endurance/scale.test.ts"],
  },
];
