/**
 * Seeded bugs of `lib/cli`.
 *
 * @module
 */
const interrupts = ["tests/cli/interrupts.test.ts"];
const commands = ["tests/cli/commands.test.ts"];
const lines = ["tests/cli/lines.test.ts"];
const phases = ["tests/cli/phases.test.ts"];
const inFlight = ["tests/cli/in_flight.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "an interrupt passes for success",
    file: "lib/cli/main.ts",
    find: ": failure === undefined && signal !== undefined\n      ? interrupted\n",
    put: "",
    tests: interrupts,
  },
  {
    name: "a reader that leaves does not end the command",
    file: "lib/cli/main.ts",
    find: `    console.left.addEventListener("abort", () => void scope.goodbye(), { once: true });\n`,
    put: "",
    tests: interrupts,
  },
  {
    name: "wrong usage passes for a failure",
    file: "lib/cli/main.ts",
    find: "return error instanceof UsageError ? 2 : 1;",
    put: "return 1;",
    tests: commands,
  },
  {
    name: "words of a peer move the cursor",
    file: "lib/cli/main.ts",
    find: `return text.replaceAll(/\\p{Cc}+/gu, " ");`,
    put: "return text;",
    tests: commands,
  },
  {
    name: "I9: a pipe that closes early is an error",
    file: "lib/cli/console.ts",
    find: `const gone = error?.code === "EPIPE" || error?.code === "ERR_STREAM_DESTROYED";`,
    put: `const gone = error?.code === "ERR_STREAM_DESTROYED";`,
    tests: interrupts,
  },
  {
    name: "I9: a pipe that closes early ends the process",
    file: "lib/cli/console.ts",
    find: `  process.stdout.on("error", leave);\n`,
    put: "",
    tests: interrupts,
  },
  {
    name: "I9: a full disk is no failure",
    file: "lib/cli/console.ts",
    find: "else reject(new Failure(`Cannot write to standard output: ${error.message}`));",
    put: "else resolve();",
    tests: interrupts,
  },
  {
    name: "I11: a read that is under way keeps the process alive",
    file: "lib/cli/lines.ts",
    find: "    stdin.destroy();\n",
    put: "",
    tests: interrupts,
    runtime: "deno",
  },
  {
    name: "I11: input keeps the process alive",
    file: "lib/cli/lines.ts",
    find: "    stdin.pause();\n    stdin.destroy();\n",
    put: "",
    tests: interrupts,
  },
  {
    name: "the last line of the input is lost where nothing ends it",
    file: "lib/cli/lines.ts",
    find: `return last === "" ? lines : [...lines, last];`,
    put: "return lines;",
    tests: lines,
  },
  {
    name: "a character that two chunks share is broken",
    file: "lib/cli/lines.ts",
    find: "this.#decoder.decode(chunk, { stream: true })",
    put: "this.#decoder.decode(chunk)",
    tests: lines,
  },
  {
    name: "I18: a line without an end takes all memory",
    file: "lib/cli/lines.ts",
    find: "const long = [...lines, this.#rest].findIndex(",
    put: "const long = lines.findIndex(",
    tests: lines,
  },
  {
    name: "I18: input is sent without a bound",
    file: "lib/cli/in_flight.ts",
    find:
      "await this.#until(() => this.failed || this.#count < this.#most.count && this.#size < this.#most.size);",
    put: "await Promise.resolve();",
    tests: inFlight,
  },
  {
    name: "after a failure everybody waits for room",
    file: "lib/cli/in_flight.ts",
    find: "this.failed || this.#count",
    put: "this.#count",
    tests: inFlight,
  },
  {
    name: "what two have failed with is told by the last",
    file: "lib/cli/in_flight.ts",
    find: "this.#failure ??= { error };",
    put: "this.#failure = { error };",
    tests: inFlight,
  },
  {
    name: "a loss is told by each endpoint",
    file: "lib/cli/phases.ts",
    find: "if (message !== told) console.note",
    put: "console.note",
    tests: phases,
  },
  {
    name: "an end that is no interrupt shows its phases",
    file: "lib/cli/phases.ts",
    find: "if (console.live && interrupted()) console.note",
    put: "if (console.live) console.note",
    tests: phases,
  },
  {
    name: "I7: pub ends before all is confirmed",
    file: "lib/cli/commands/pub.ts",
    find: "        await inFlight.settled();\n",
    put: "",
    tests: commands,
  },
  {
    name: "a message that nobody has read is acknowledged",
    file: "lib/cli/commands/sub.ts",
    find: "if (!await console.print(line, { signal: subscription.signal })) break;",
    put: "await console.print(line, { signal: subscription.signal });",
    tests: interrupts,
  },
  {
    name: "fewer messages than expected pass for success",
    file: "lib/cli/commands/sub.ts",
    find: "if (over && count !== undefined && received < count) {",
    put: "if (over && count === 0) {",
    tests: commands,
  },
  {
    name: "SIGTERM looks like SIGINT",
    file: "lib/cli/main.ts",
    find: `signal === "SIGTERM" ? 143 : 130`,
    put: "130",
    tests: ["tests/cli/interrupts.test.ts"],
  },
];
