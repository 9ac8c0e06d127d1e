// What is taken out of the stream beside the official client's parser, and written without it.
const intake = ["tests/nats/intake.test.ts"];
const pieces = ["tests/nats/pieces.test.ts"];

export default [
  {
    name: "a message overtakes what came before it for the official client",
    file: "lib/nats/intake.ts",
    find: "      if (rest < at) {",
    put: "      if (rest > at) {",
    tests: intake,
  },
  {
    name: "a message is taken where the parser has another view of where frames begin",
    file: "lib/nats/intake.ts",
    find: "        if (this.#parser.state !== start) {",
    put: "        if (this.#parser.state === -1) {",
    tests: intake,
  },
  {
    name: "a message is taken for a subscription that the server has just ended",
    file: "lib/nats/intake.ts",
    find: "        if (this.#takerOf(scanner.sid) !== taker) continue;\n",
    put: "",
    tests: intake,
  },
  {
    name: "a message that was split is taken for the beginning of another",
    file: "lib/nats/intake.ts",
    find: "    let at = this.#finish(chunk, 0);",
    put: "    let at = 0;",
    tests: intake,
  },
  {
    name: "a payload that was split goes to the parser line by line",
    file: "lib/nats/intake.ts",
    find: "chunk.indexOf(newLine, at + missing)",
    put: "chunk.indexOf(newLine, at + missing * 0)",
    tests: intake,
  },
  {
    name: "what is not ours is given to the parser message by message",
    file: "lib/nats/intake.ts",
    find: "      if (taker === undefined) {\n        at = end;",
    put:
      "      if (taker === undefined) {\n        this.#parser.parse(chunk.subarray(at, end));\n        rest = at = end;",
    tests: intake,
  },
  {
    name: "a payload may be longer than it says",
    file: "lib/nats/scanner.ts",
    find: "    if (bytes[bodyEnd] !== carriageReturn || bytes[bodyEnd + 1] !== newLine) return 0;\n",
    put: "    if (bodyEnd + 2 > bytes.length) return 0;\n",
    tests: intake,
  },
  {
    name: "headers may be longer than the message",
    file: "lib/nats/scanner.ts",
    find: " || headers > size) return 0;",
    put: ") return 0;",
    tests: intake,
  },
  {
    name: "a number may be of any length",
    file: "lib/nats/scanner.ts",
    find: "if (to <= from || to - from > longestNumber) return -1;",
    put: "if (to <= from) return -1;",
    tests: intake,
  },
  {
    name: "what is taken beside the official client is not in its statistics",
    file: "lib/nats/interests.ts",
    find: "    this.#protocol.inBytes += frame.bodyEnd - frame.bodyStart;\n",
    put: "",
    tests: pieces,
  },
  {
    name: "the payload of a message begins with its headers",
    file: "lib/nats/frame_message.ts",
    find: "this.bodyStart + Math.max(0, this.headers)",
    put: "this.bodyStart",
    tests: pieces,
  },
  {
    name: "the official client's message is made again and again",
    file: "lib/nats/frame_message.ts",
    find: "return this.#raw ??= ",
    put: "return ",
    tests: pieces,
  },
  {
    name: "a reply goes to any subject that it is asked for",
    file: "lib/nats/reply.ts",
    find: " || !isPlainSubject(bytes, replyStart, replyEnd)) return false;",
    put: ") return false;",
    tests: pieces,
  },
  {
    name: "a reply may be of any size",
    file: "lib/nats/reply.ts",
    find: "if (size > link.maxPayload || ",
    put: "if (size < 0 || ",
    tests: pieces,
  },
  {
    name: "a reply counts characters, not bytes",
    file: "lib/nats/reply.ts",
    find: "  const size = sizeOf(data);",
    put: "  const size = data.length;",
    tests: pieces,
  },
  {
    name: "requests to another subject go where the one before went",
    file: "lib/nats/requests.ts",
    find: "    if (topic !== this.#command.topic) {",
    put: '    if (this.#command.topic === "") {',
    tests: pieces,
  },
];
