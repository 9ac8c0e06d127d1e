/**
 * Seeded bugs of what makes the broker fast: bodies that are read without being parsed, and memory that is used again.
 *
 * @module
 */
const reader = ["tests/broker/reader.test.ts"];
const blocks = ["tests/broker/blocks.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "a quote within eight bytes of text is not seen",
    file: "lib/broker/syntax.ts",
    find: "(word ^ 0x02020202) - 0x21212121",
    put: "(word ^ 0x02020202) - 0x20202020",
    tests: reader,
  },
  {
    name: "a number may begin with zeros",
    file: "lib/broker/syntax.ts",
    find: " || (bytes[first] === 0x30 && at > first + 1)) return -1;",
    put: ") return -1;",
    tests: reader,
  },
  {
    name: "the text of a body is not looked at when its beginning is known",
    file: "lib/broker/reader.ts",
    find: "syntax.bytes[end - 1] !== CLOSE || syntax.stringEnd(text, end) !== end - 2",
    put: "syntax.bytes[end - 1] !== CLOSE",
    tests: reader,
  },
  {
    name: "bytes behind a body are not looked at",
    file: "lib/broker/reader.ts",
    find: "return behind >= 0 && syntax.spaceEnd(behind, end) === end;",
    put: "return behind >= 0;",
    tests: reader,
  },
  {
    name: "two topics with one hash are one topic",
    file: "lib/broker/names.ts",
    find: "return equals(known, bytes, start, end) ? known",
    put: "return known.length === end - start ? known",
    tests: reader,
  },
  {
    name: "the name of a request can be guessed by its number",
    file: "lib/broker/reader.ts",
    find: "    if (!equals(prefix, bytes, start, first)) return NaN;\n",
    put: "",
    tests: ["tests/broker/request_reply.test.ts"],
  },
  {
    name: "memory of a body that waits is used for another",
    file: "lib/broker/message.ts",
    find: "    this.#moved = true;\n    this.#memory.add(size);",
    put: "    this.#moved = true;\n    this.#memory.blocks.give(this.#body);\n    this.#memory.add(size);",
    tests: blocks,
  },
  {
    name: "memory of bodies is never used again",
    file: "lib/broker/message.ts",
    find: "      this.#memory.blocks.give(this.#body);\n",
    put: "",
    tests: blocks,
  },
  {
    name: "a request loses its place when another goes",
    file: "lib/broker/request_bag.ts",
    find: "    last[place] = at;\n",
    put: "",
    tests: ["tests/broker/core_random.test.ts"],
  },
];
