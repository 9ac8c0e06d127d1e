// Bugs in how attempts to send, to log in and to hear are told; see run.mjs.

export default [
  {
    name: "each attempt to publish to a stream is a message of its own",
    file: "lib/nats/attempts.ts",
    find: "    this.#counts.published--;\n    this.#counts[this.#counted]--;\n",
    put: "",
    tests: ["tests/nats/attempts.test.ts"],
  },
  {
    name: "a message to a stream is forgotten by an attempt that does not send it",
    file: "lib/nats/attempts.ts",
    find: "    else this.#counts.published++;\n",
    put: "    else return;\n",
    tests: ["tests/nats/attempts.test.ts"],
  },
  {
    name: "a message to a stream counts as its last attempt does",
    file: "lib/nats/attempts.ts",
    find: 'return answers === writes ? "rejected" : "unconfirmed";',
    put: 'return answers > 0 ? "rejected" : "unconfirmed";',
    tests: ["tests/nats/attempts.test.ts"],
  },
  {
    name: "an inbox that is denied refuses what a stream may have",
    file: "lib/nats/requests.ts",
    find: "      if (subject !== undefined) outgoing.answers++;\n",
    put: "      outgoing.answers++;\n",
    tests: ["tests/nats/attempts.test.ts"],
  },
  {
    name: "an authenticator that is none any more is asked for ever",
    file: "lib/nats/link.ts",
    find: "        if (failure instanceof AuthenticatorError) return handler.terminal(failure);\n",
    put: "",
    tests: ["tests/nats/options.test.ts"],
  },
  {
    name: "a flush through the raw connection waits for ever",
    file: "lib/nats/protocol.ts",
    find: "    if (this.pongs.length > 0 || this.outbound.length() > 0) this.resetOutbound();\n",
    put: "",
    tests: ["tests/nats/loss.test.ts"],
  },
];
