/**
 * Seeded bugs of `lib/eventmesh/wire`: what a peer sends is never trusted.
 *
 * @module
 */
const decoder = ["tests/eventmesh/wire/decoder.test.ts"];
const encoder = ["tests/eventmesh/wire/encoder.test.ts"];
const cache = ["tests/eventmesh/wire/header_cache.test.ts"];
const body = ["tests/eventmesh/wire/event_body.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "a length beyond the limit is taken",
    file: "lib/eventmesh/wire/preamble.ts",
    find: "if (length < MIN_LENGTH || length > limit - UNCOUNTED) return -1;",
    put: "if (length < MIN_LENGTH) return -1;",
    tests: decoder,
  },
  {
    name: "a wrong length is noticed one field later",
    file: "lib/eventmesh/wire/preamble.ts",
    find: "  if (have < HEADER_LENGTH_AT) return undefined;\n",
    put: "  if (have < HEADER_AT) return undefined;\n",
    tests: decoder,
  },
  {
    name: "a header longer than its frame is taken",
    file: "lib/eventmesh/wire/preamble.ts",
    find: "return header < 0 || header > length - MIN_LENGTH ? -1 : length + UNCOUNTED;",
    put: "return header < 0 ? -1 : length + UNCOUNTED;",
    tests: decoder,
  },
  {
    name: "I18: a frame that has not come takes all of its memory",
    file: "lib/eventmesh/wire/decoder.ts",
    find: "new Uint8Array(Math.min(this.#size, Math.max(STEP, have * 2)))",
    put: "new Uint8Array(this.#size)",
    tests: decoder,
  },
  {
    name: "I13: a decoder goes on after bytes that are wrong",
    file: "lib/eventmesh/wire/decoder.ts",
    find: "    if (this.#failure !== undefined) throw this.#failure;\n",
    put: "",
    tests: decoder,
  },
  {
    name: "I13: what emit throws loses the rest of the chunk",
    file: "lib/eventmesh/wire/decoder.ts",
    find:
      "if (this.#failure === undefined && this.#at < chunk.length) this.#rest = chunk.subarray(this.#at);",
    put: "",
    tests: decoder,
  },
  {
    name: "a sequence number that loses digits finds an operation",
    file: "lib/eventmesh/wire/packet.ts",
    find: "return Number.isSafeInteger(value) ? value : NaN;",
    put: "return value;",
    tests: decoder,
  },
  {
    name: "a sequence number loses its leading zeros",
    file: "lib/eventmesh/wire/packet.ts",
    find: `String(this.seqNumber).padStart(this.#digits, "0")`,
    put: "String(this.seqNumber)",
    tests: cache,
  },
  {
    name: "a known header with a longer sequence number loses digits",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: "if (digits < 1 || digits > DIGITS) return false;",
    put: "if (digits < 1) return false;",
    tests: cache,
  },
  {
    name: "a header whose sequence number is text is taken for a known one",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: "      if (digit < 0 || digit > 9) return false;\n",
    put: "",
    tests: cache,
  },
  {
    name: "the end of a header is not compared",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: "if (!equal(known.prefix, view, start) || !equal(known.suffix, view, seqEnd)) return false;",
    put: "if (!equal(known.prefix, view, start)) return false;",
    tests: cache,
  },
  {
    name: "packets share a property that can be changed",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: " || Object.values(head.properties).some(isMutable)",
    put: "",
    tests: cache,
  },
  {
    name: "a header of any length is kept",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: "if (end - start > LONGEST || seq === undefined",
    put: "if (seq === undefined",
    tests: cache,
  },
  {
    name: "headers that cannot be recognised push out those that can",
    file: "lib/eventmesh/wire/header_cache.ts",
    find: "      if (members.string !== seq) return;\n",
    put: "",
    tests: cache,
  },
  {
    name: "a frame that is refused leaves bytes behind",
    file: "lib/eventmesh/wire/encoder.ts",
    find: "    const text = encodeHeader(header);\n    const start = this.#length;",
    put:
      "    const text = encodeHeader(header);\n    const start = this.#length;\n    this.#length += HEADER_AT;",
    tests: encoder,
  },
  {
    name: "a frame beyond the limit is written",
    file: "lib/eventmesh/wire/encoder.ts",
    find: "if (frame > this.#limit) {",
    put: "if (frame > this.#limit + HEADER_AT) {",
    tests: encoder,
  },
  {
    name: "a text as sequence number keeps the ten digits of its template",
    file: "lib/eventmesh/wire/encoder.ts",
    find: "      target.set(bytes.subarray(seqAt + SEQ_DIGITS), start + seqAt + seq.length);\n",
    put: "",
    tests: encoder,
  },
  {
    name: "bytes that were handed over are written again",
    file: "lib/eventmesh/wire/encoder.ts",
    find: "if (taken.buffer === this.#bytes.buffer || this.#spare !== undefined) this.#letGo();",
    put: "",
    tests: encoder,
  },
  {
    name: "a quote among the last bytes of a text is not escaped",
    file: "lib/eventmesh/wire/plain.ts",
    find: "for (; at < end; at++) found",
    put: "for (; at < end - 3; at++) found",
    tests: body,
  },
  {
    name: "a control character in a text is not escaped",
    file: "lib/eventmesh/wire/plain.ts",
    find: "return word | (word - 0x20202020) | ",
    put: "return word | ",
    tests: body,
  },
  {
    name: "a text that looks like JSON at its beginning is none",
    file: "lib/eventmesh/wire/cloud_event.ts",
    find: 'const JSON_START = /^[[{"tfn\\-0-9]/;',
    put: 'const JSON_START = /^[[{"]/;',
    tests: body,
  },
  {
    name: "the identity of a request travels back with its reply",
    file: "lib/eventmesh/wire/event.ts",
    find: "if (name !== own && isPropertyName(name))",
    put: "if (isPropertyName(name))",
    tests: body,
  },
  {
    name: "a text that its bytes cannot say is handed out",
    file: "lib/eventmesh/incoming.ts",
    find: "return text.isWellFormed() && text.charCodeAt(0) !== 0xfeff;",
    put: "return text.charCodeAt(0) !== 0xfeff;",
    tests: ["tests/eventmesh/incoming.test.ts"],
  },
  {
    name: "a property called __proto__ changes the prototype",
    file: "lib/eventmesh/wire/properties.ts",
    find: `    if (name === "__proto__") continue;\n`,
    put: "",
    tests: ["tests/eventmesh/wire/event.test.ts"],
    runtime: "deno",
  },
];
