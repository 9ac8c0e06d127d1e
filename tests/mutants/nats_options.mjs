/**
 * Seeded bugs in what callers of the NATS client say: URLs, options, the package they have installed.
 *
 * @module
 */
const missing = ["tests/nats/missing.test.ts"];
const paused = ["tests/nats/paused.test.ts"];
const nobody = ["tests/nats/nobody.test.ts"];
const options = ["tests/nats/options.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "a key that is overwritten reaches the next login",
    file: "lib/nats/options.ts",
    find: "v.pipe(v.instance(Uint8Array), v.transform((bytes) => new Uint8Array(bytes)))",
    put: "v.instance(Uint8Array)",
    tests: options,
  },
  {
    name: "a key that is overwritten while the protocol is loaded reaches the login",
    file: "lib/connect.ts",
    find: "  if (value instanceof Uint8Array) return new Uint8Array(value);\n",
    put: "",
    tests: options,
  },
  {
    name: "an option that is changed while the protocol is loaded counts",
    file: "lib/connect.ts",
    find: "return await protocol.connect(places, given);",
    put: "return await protocol.connect(places, options);",
    tests: ["tests/connect.test.ts", ...options],
  },
  {
    name: "a list in the options that is changed while the protocol is loaded counts",
    file: "lib/connect.ts",
    find: "  if (Array.isArray(value)) return [...value];\n",
    put: "",
    tests: options,
  },
  {
    name: "an object in the options that is changed while the protocol is loaded counts",
    file: "lib/connect.ts",
    find: "return nested ? { ...value } : value;",
    put: "return nested ? value : value;",
    tests: options,
  },
  {
    name: "an authenticator that returns a promise logs in without credentials",
    file: "lib/nats/credentials.ts",
    find: "return made(authenticator(nonce));",
    put: "return authenticator(nonce);",
    tests: options,
  },
  {
    name: "the rejection of an authenticator that returns a promise is nobody's",
    file: "lib/nats/credentials.ts",
    find: "  ignoreRejection(credentials);\n",
    put: "",
    tests: options,
  },
  {
    name: "an authenticator that returns a promise is asked for every server",
    file: "lib/nats/link.ts",
    find: "        if (error instanceof AuthenticatorError) throw error;\n",
    put: "",
    tests: options,
  },
  {
    name: "a subscription reads nothing before the server's word is here",
    file: "lib/nats/subscriber.ts",
    find: "if (this.#own && this.#confirmed) this.#link.pause();",
    put: "if (this.#own) this.#link.pause();",
    tests: paused,
  },
  {
    name: "a subscription that was full before the server's word came reads on",
    file: "lib/nats/subscriber.ts",
    find: "      if (this.#paused) this.pause();\n",
    put: "",
    tests: paused,
  },
  {
    name: "a reply waits without bound for a server that takes nothing",
    file: "lib/nats/room.ts",
    find: "    this.#timer ??= this.#watch();\n",
    put: "",
    tests: paused,
  },
  {
    name: "a server that takes a reply in time is given up",
    file: "lib/nats/room.ts",
    find: "    this.#timer?.cancel();\n",
    put: "",
    tests: paused,
  },
  {
    name: "an option of NATS that there is not is ignored",
    file: "lib/nats/options.ts",
    find: "const schema = v.strictObject({",
    put: "const schema = v.object({",
    tests: options,
  },
  {
    name: "an option of EventMesh that there is not is ignored",
    file: "lib/eventmesh/options.ts",
    find: "const schema = v.strictObject({",
    put: "const schema = v.object({",
    tests: ["tests/eventmesh/options.test.ts"],
  },
  {
    name: "a setting of TLS that there is not is ignored",
    file: "lib/messaging/option.ts",
    find: "return v.strictObject(entries, wanted) as never;",
    put: "return v.object(entries, wanted) as never;",
    tests: options,
  },
  {
    name: "the key of a certificate is shown",
    file: "lib/messaging/option.ts",
    find: '  "tls.key",\n',
    put: "",
    tests: options,
  },
  {
    name: "of credentials that differ the first are used for all servers",
    file: "lib/nats/url.ts",
    find: "  if (other !== undefined) {",
    put: "  if (other === parsed[0]) {",
    tests: options,
  },
  {
    name: "another version of the official client is used",
    file: "lib/nats/official.ts",
    find:
      "  if (found !== undefined && !found.startsWith(`${wanted}.`)) throw otherVersion(`version ${found}`);\n",
    put: "",
    tests: missing,
  },
  {
    name: "a version that begins with the same digits is taken for the same",
    file: "lib/nats/official.ts",
    find: "!found.startsWith(`${wanted}.`)",
    put: "!found.startsWith(wanted)",
    tests: missing,
  },
  {
    name: "an official client without a version is not looked at",
    file: "lib/nats/official.ts",
    find: "  if (!fits(",
    put: "  if (found === name && !fits(",
    tests: missing,
  },
  {
    name: "a question to many on a connection that has ended is set up",
    file: "lib/nats/request_many.ts",
    find: "    if (refusal !== undefined) {",
    put: "    if (refusal === null) {",
    tests: nobody,
  },
  {
    name: "a question to many does not wait for whoever comes later",
    file: "lib/nats/requests.ts",
    find: "      if (nobody && this.#patient) return;\n",
    put: "",
    tests: nobody,
  },
  {
    name: "a name that every object has is a scheme",
    file: "lib/connect.ts",
    find: 'protocols.get(scheme.replace(/[+:].*$/, ""))',
    put: 'Object.fromEntries(protocols)[scheme.replace(/[+:].*$/, "")]',
    tests: ["tests/connect.test.ts"],
  },
  {
    name: "a key that cannot be read fails each attempt to connect",
    file: "lib/nats/connection.ts",
    find: "  checkCredentials(options.auth);\n",
    put: "",
    tests: options,
  },
  {
    name: "a subject that is too long ends the connection",
    file: "lib/nats/subject.ts",
    find: "  if (size <= maxControlLine) return;\n",
    put: "  if (size > 0) return;\n",
    tests: ["tests/nats/publish.test.ts"],
  },
  {
    name: "a request forgets that a subject for its reply stands behind its own",
    file: "lib/nats/requests.ts",
    find: "outgoing.fit(Buffer.byteLength(this.#options.inboxPrefix) + longestInbox)",
    put: "outgoing.fit(0)",
    tests: ["tests/nats/publish.test.ts"],
  },
  {
    name: "an option of a NATS subscribe that there is not is ignored",
    file: "lib/nats/options.ts",
    find: "  checkNames(options, [...subscribeNames,",
    put: "  (() => {})(options, [...subscribeNames,",
    tests: options,
  },
];
