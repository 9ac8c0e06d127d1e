/**
 * Seeded bugs of the server kit.
 *
 * @module
 */
const limits = ["tests/server/limits.test.ts"];
const bounded = ["tests/server/bounded.test.ts"];
const serve = ["tests/server/serve.test.ts"];
const runtimes = ["tests/server/runtimes.test.ts"];
const connection = ["tests/server/connection.test.ts"];
const ends = ["tests/server/connection_end.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I5: a peer that sends on after the goodbye is read until its time is over",
    file: "lib/server/wire.ts",
    find: "const discardLimit = 16 * 1_048_576;",
    put: "const discardLimit = Infinity;",
    tests: bounded,
  },
  {
    name: "a connection that has left still takes its place",
    file: "lib/server/admission.ts",
    find: "    this.#size--;\n",
    put: "",
    tests: limits,
  },
  {
    name: "all peers of a unix socket are one",
    file: "lib/server/admission.ts",
    find: `return kind === "unix" ? "" : remote`,
    put: "return remote",
    tests: limits,
  },
  {
    name: "the place of an address is never given back",
    file: "lib/server/admission.ts",
    find: "    else this.#perAddress.delete(address);\n",
    put: "",
    tests: limits,
  },
  {
    name: "a TLS handshake that failed is not counted",
    file: "lib/server/running.ts",
    find: "  #handshakeFailed(error: Error): void {\n    this.#refused++;\n",
    put: "  #handshakeFailed(error: Error): void {\n",
    tests: limits,
  },
  {
    name: "a connection from which nobody reads counts as silent",
    file: "lib/server/idle.ts",
    find: "return wire.paused ? idleTimeout : idleTimeout",
    put: "return idleTimeout",
    tests: limits,
  },
  {
    name: "a connection that is heard of is ended as idle",
    file: "lib/server/idle.ts",
    find: "idleTimeout - (now() - wire.lastByte)",
    put: "0",
    tests: limits,
  },
  {
    name: "I8: a goodbye is lost to a peer whose bytes nobody has read",
    file: "lib/server/wire.ts",
    find: "    this.mute();\n    this.end();\n",
    put: "    this.end();\n    setImmediate(() => this.destroy());\n",
    tests: runtimes,
  },
  {
    name: "I18: what nobody reads is taken from the peer",
    file: "lib/server/wire.ts",
    find: "      if (reader.full) this.#below.pause();\n",
    put: "",
    tests: serve,
  },
  {
    name: "a writer does not wait for a slow peer",
    file: "lib/server/writer.ts",
    find: "if (this.#transport.write(Buffer.from(bytes))) return",
    put: "this.#transport.write(Buffer.from(bytes));\n    if (signal === undefined) return",
    tests: serve,
  },
  {
    name: "the bytes of a write are those of the caller",
    file: "lib/server/writer.ts",
    find: "this.#transport.write(Buffer.from(bytes))",
    put: "this.#transport.write(bytes)",
    tests: connection,
  },
  {
    name: "a read that was given up takes the next chunk with it",
    file: "lib/server/reader.ts",
    find: "    this.#reader.leave();\n",
    put: "",
    tests: connection,
  },
  {
    name: "the goodbye is said to a peer that is gone",
    file: "lib/server/departure.ts",
    find: 'if (!this.#connection.wire.destroyed) return this.#run("goodbye", step);',
    put: 'if (this.#connection.wire.bytesIn >= 0) return this.#run("goodbye", step);',
    tests: ends,
  },
  {
    name: "I11: what is added to a release that is over is never freed",
    file: "lib/server/steps.ts",
    find:
      `    if (phase === "release") void this.#contain(run, { phase, reason, signal, remaining: () => 0 });\n`,
    put: "",
    tests: ends,
  },
  {
    name: "I7: what the listener has refused because of the end is not counted",
    file: "lib/server/running.ts",
    find: "      refused: () => void this.#refused++,\n",
    put: "",
    tests: ["tests/server/limits.test.ts"],
  },
  {
    name: "a client that says no hello is ended as if somebody had asked for that",
    file: "lib/broker/session.ts",
    find: "this.connection.stranded(reason);",
    put: "void this.connection.goodbye({ reason, grace: 0 });",
    tests: ["tests/broker/hello.test.ts"],
  },
  {
    name: "I2: a half-closed connection that is reset never ends",
    file: "lib/server/accepted.ts",
    find: '      return lifecycle.ending ? undefined : lifecycle.ask({ cause: "peer-goodbye" });',
    put: "      return;",
    tests: ["tests/server/connection_end.test.ts"],
  },
  {
    name: "an option of serve that there is not is ignored",
    file: "lib/server/options.ts",
    find: "  checkNames(options, optionNames, limitHints);\n",
    put: "",
    tests: ["tests/server/serve.test.ts"],
  },
  {
    name: "a limit of serve that there is not is ignored",
    file: "lib/server/options.ts",
    find: "if (value === undefined || limitNames.includes(name)) continue;",
    put: "if (limitNames) continue;",
    tests: ["tests/server/serve.test.ts"],
  },
];
