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
    name: "the text of a body is not looked at when its shape is known",
    file: "lib/broker/shape.ts",
    find: ": syntax.stringEnd(hole, end);",
    put: ": i === holes.length - 1 ? tailAt : syntax.stringEnd(hole, end);",
    tests: reader,
  },
  {
    name: "bytes behind a body are not looked at",
    file: "lib/broker/reader.ts",
    find: "if (behind < 0 || syntax.spaceEnd(behind, end) !== end) return false;",
    put: "if (behind < 0) return false;",
    tests: reader,
  },
  {
    name: "bytes between the texts of a body are not looked at when its shape is known",
    file: "lib/broker/shape.ts",
    find: "if (hole > tailAt || !syntax.has(part, at)) return false;",
    put: "if (hole > tailAt) return false;",
    tests: reader,
  },
  {
    name: "bytes behind the texts of a body are not looked at when its shape is known",
    file: "lib/broker/shape.ts",
    find: "    if (!syntax.hasAll(tail, tailAt)) return false;\n",
    put: "",
    tests: reader,
  },
  {
    name: "a body whose text ends too early has its shape",
    file: "lib/broker/shape.ts",
    find: "    return at === tailAt;\n",
    put: "    return true;\n",
    tests: reader,
  },
  {
    name: "an attribute may become empty when the shape of its event is known",
    file: "lib/broker/shape.ts",
    find: ' || (at === hole && kind === "some")',
    put: "",
    tests: reader,
  },
  {
    name: "what is looked at may have escapes when the shape of its body is known",
    file: "lib/broker/reader.ts",
    find: 'which >= 0 ? "plain" : kind',
    put: "kind",
    tests: reader,
  },
  {
    name: "the version of an event may become another when its shape is known",
    file: "lib/broker/reader.ts",
    find: '["none", "some", "some"',
    put: '["some", "some", "some"',
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
    find: "    this.#put(last, at);\n",
    put: "",
    tests: ["tests/broker/core_random.test.ts"],
  },
];
