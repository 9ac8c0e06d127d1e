/**
 * Seeded bugs in what callers of the NATS client say: URLs, options, the package they have installed.
 *
 * @module
 */
const missing = ["tests/nats/missing.test.ts"];
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
];
