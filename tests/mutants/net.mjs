/**
 * Seeded bugs of `lib/net`.
 *
 * @module
 */
const race = ["tests/net/race.test.ts"];
const tcp = ["tests/net/tcp.test.ts"];
const plain = ["tests/net/plain.test.ts"];
const tls = ["tests/net/tls.test.ts"];
const unix = ["tests/net/unix.test.ts"];
const memory = ["tests/net/memory.test.ts"];
const listener = ["tests/net/listener.test.ts"];
const spin = ["tests/invariants/i14_spin.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I11: the losers of a race stay open",
    file: "lib/net/race.ts",
    find: "      for (const socket of live) socket.destroy();\n",
    put: "",
    tests: [...race, ...tcp],
  },
  {
    name: "I18: a dial that is over stays on its signal",
    file: "lib/net/race.ts",
    find: "      link?.unlink();\n",
    put: "",
    tests: tcp,
  },
  {
    name: "I11: a race that is over keeps its timer",
    file: "lib/net/race.ts",
    find: "      link?.unlink();\n      cancelStagger();",
    put: "      link?.unlink();",
    tests: race,
  },
  {
    name: "I2: a race settles before what it has opened is closed",
    file: "lib/net/race.ts",
    find: "if (outcome !== undefined && live.size === 0) resolve(outcome);",
    put: "if (outcome !== undefined) resolve(outcome);",
    tests: [...race, ...tcp],
  },
  {
    name: "I15: a dial whose signal has aborted asks for the name",
    file: "lib/net/dial.ts",
    find: "    if (signal?.aborted) throw signal.reason;\n",
    put: "",
    tests: listener,
  },
  {
    name: "I15: a listen whose signal has aborted asks for the name",
    file: "lib/net/listen.ts",
    find: "    if (signal?.aborted) throw signal.reason;\n    const address",
    put: "    const address",
    tests: listener,
  },
  {
    name: "I15: a listener whose signal aborts while it binds stays",
    file: "lib/net/listen.ts",
    find:
      "      if (signal?.aborted) {\n        await listener.close();\n        throw signal.reason;\n      }\n",
    put: "",
    tests: tcp,
  },
  {
    name: "I3: a socket that comes after the end is handed out",
    file: "lib/net/listener.ts",
    find: "    if (this.#late(socket)) return;\n",
    put: "",
    tests: tcp,
  },
  {
    name: "I3: a handshake that is complete after the end is handed out",
    file: "lib/net/listener.ts",
    find: "if (this.#ending !== undefined || !this.#handshakes.complete(secure)) {",
    put: "if (!this.#handshakes.complete(secure)) {",
    tests: listener,
  },
  {
    name: "I3: a handshake begins after the end",
    file: "lib/net/listener.ts",
    find: "    if (this.#late(raw)) return;\n",
    put: "",
    tests: listener,
  },
  {
    name: "I14: one bad accept ends the listener",
    file: "lib/net/listener.ts",
    find: `if (!transientCodes.has(error.code ?? "")) return this.#fail(error);`,
    put: "return this.#fail(error);",
    tests: spin,
  },
  {
    name: "I14: a listener without descriptors reports without a pause",
    file: "lib/net/listener.ts",
    find: "    if (this.#quiet > 0 && now() < this.#quietUntil) return;\n",
    put: "",
    tests: spin,
  },
  {
    name: "I14: a listener that died passes for one that listens",
    file: "lib/net/listener.ts",
    find: `if (!transientCodes.has(error.code ?? "")) return this.#fail(error);`,
    put: `if (!transientCodes.has(error.code ?? "")) return;`,
    tests: spin,
  },
  {
    name: "I11: a listener that has closed leaves handshakes behind",
    file: "lib/net/listener.ts",
    find: "    await this.#handshakes.cut();\n",
    put: "",
    tests: tls,
  },
  {
    name: "I11: a listener that has closed is still in the book",
    file: "lib/net/listener.ts",
    find: "    this.#release();\n",
    put: "",
    tests: tcp,
  },
  {
    name: "I13: what a handler of connections throws ends more than its connection",
    file: "lib/net/listener.ts",
    find:
      "      transport.destroy(toError(error));\n      if (this.#ending === undefined) handler.handshakeError(toError(error));",
    put: "      this.#fail(toError(error));",
    tests: tcp,
  },
  {
    name: "I5: a handshake may take for ever",
    file: "lib/net/handshake.ts",
    find:
      "      handshake.error ??= new TimeoutError(text, { timeout: this.#timeout });\n      raw.destroy();",
    put: "      handshake.error ??= new TimeoutError(text, { timeout: this.#timeout });",
    tests: tls,
  },
  {
    name: "I11: a complete handshake keeps its timer",
    file: "lib/net/handshake.ts",
    find: "        cancelTimer();\n",
    put: "",
    tests: tls,
  },
  {
    name: "I9: a stream that is reset in its handshake ends the process",
    file: "lib/net/handshake.ts",
    find: `    raw.on("error", () => {});\n`,
    put: "",
    tests: listener,
  },
  {
    name: "I9: a reset is no error of its stream",
    file: "lib/net/socket.ts",
    find: "    transportOf(this).destroy(error);\n",
    put: "    transportOf(this).destroy();\n",
    tests: tcp,
  },
  {
    name: "I9: a reset ends the process",
    file: "lib/net/socket.ts",
    find: `    socket.on("error", SocketTransport.#onError);\n`,
    put: "",
    tests: tcp,
  },
  {
    name: "I8: the end of a stream loses what was written",
    file: "lib/net/socket.ts",
    find: "    this.#socket.end();\n",
    put: "    this.#socket.destroy();\n",
    tests: tcp,
  },
  {
    name: "I8: a paused handler loses the rest of a stream",
    file: "lib/net/socket.ts",
    find: "    if (!end.destroyed && (this.#held.length > 0 || end.held)) return;\n",
    put: "",
    tests: tcp,
  },
  {
    name: "I13: what a handler of bytes throws ends the process",
    file: "lib/net/socket.ts",
    find: "      handler.end();\n      this.#finish();\n    } catch (error) {",
    put: "      handler.end();\n      this.#finish();\n    } catch (error) {\n      throw error;",
    tests: tcp,
  },
  {
    name: "a writer is never told of room",
    file: "lib/net/socket.ts",
    find: "socket.write(bytes, (error) => this.#written(error));",
    put: "socket.write(bytes);",
    tests: tcp,
  },
  {
    name: "a writer of short pieces is never told of room",
    file: "lib/net/socket.ts",
    find: "socket.writableLength === 0 && bytes.byteLength",
    put: "bytes.byteLength",
    tests: tcp,
  },
  {
    name: "bytes of a short read change with the next one",
    file: "lib/net/inlet.ts",
    find: "        take(chunk);\n",
    put: "        take(read);\n",
    tests: plain,
  },
  {
    name: "bytes of a long read change with the next one",
    file: "lib/net/inlet.ts",
    find: "        memory = Buffer.allocUnsafeSlow(readSize);\n",
    put: "",
    tests: plain,
  },
  {
    name: "a short read keeps the memory of a long one",
    file: "lib/net/inlet.ts",
    find: "length > longestCopy",
    put: "length > 0",
    tests: plain,
  },
  {
    name: "a stream that is not read as TLS needs it is secured",
    file: "lib/net/socket.ts",
    find: "if (this.#facts.plain === true) {",
    put: "if (false) {",
    tests: plain,
  },
  {
    name: "a TLS stream on Deno is read while it is paused",
    file: "lib/net/gate.ts",
    find: `process.versions["deno"] === undefined || nativeHandle(socket) === undefined`,
    put: `process.versions["deno"] !== ""`,
    tests: tls,
    runtime: "deno",
  },
  {
    name: "I12: the file of a dead server keeps its path taken",
    file: "lib/net/listen.ts",
    find: "if (last || !taken || !await removeDeadSocket(target.path, registry)) {",
    put: "if (error) {",
    tests: unix,
  },
  {
    name: "I13: the socket file of a server that lives is removed",
    file: "lib/net/unix.ts",
    find: `  if (answer !== "ECONNREFUSED") return false;\n`,
    put: "",
    tests: unix,
  },
  {
    name: "a file that is no socket is removed",
    file: "lib/net/unix.ts",
    find: "return found.isSocket() ? ",
    put: "return found ? ",
    tests: unix,
  },
  {
    name: "I3: a listener in memory takes a stream after its end",
    file: "lib/net/memory_listener.ts",
    find:
      "    if (this.#ending !== undefined) {\n      transport.reset();\n      this.#handler.refused?.();\n      return;\n    }\n",
    put: "",
    tests: memory,
  },
  {
    name: "I7: a stream in memory that comes after the end is not counted",
    file: "lib/net/memory_listener.ts",
    find: "      this.#handler.refused?.();\n",
    put: "",
    tests: memory,
  },
  {
    name: "I7: a stream that comes after the end is not counted",
    file: "lib/net/listener.ts",
    find: "    this.#options.handler.refused?.();\n    return true;",
    put: "    return true;",
    tests: listener,
  },
  {
    name: "I7: a handshake that the end cuts is not counted",
    file: "lib/net/listener.ts",
    find: "    else handler.refused?.();\n",
    put: "",
    tests: listener,
  },
  {
    name: "I9: a handshake that the end cuts is told as an error",
    file: "lib/net/listener.ts",
    find: "    if (this.#ending === undefined) handler.handshakeError(error);\n    else",
    put: "    handler.handshakeError(error);\n    if (this.#ending !== undefined)",
    tests: listener,
  },
  {
    name: "I8: a stream in memory that is left with unread bytes ends in order",
    file: "lib/net/memory_stream.ts",
    find: "this.#leave(error, this.#unread > 0);",
    put: "this.#leave(error, false);",
    tests: memory,
  },
  {
    name: "I10: a dial in memory is done although its signal has aborted",
    file: "lib/net/memory.ts",
    find: "      if (aborted) return;\n",
    put: "",
    tests: memory,
  },
  {
    name: "I12: a closed listener in memory keeps its address",
    file: "lib/net/memory.ts",
    find: "        listeners.delete(key);\n",
    put: "",
    tests: memory,
  },
  {
    name: "a stream that is always full holds up the others",
    file: "lib/net/turns.ts",
    find: "setImmediate(this.#run)",
    put: "queueMicrotask(this.#run)",
    tests: memory,
  },
];
