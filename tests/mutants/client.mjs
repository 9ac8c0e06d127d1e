/**
 * Seeded bugs of the EventMesh client, `lib/eventmesh`.
 *
 * @module
 */
const test = (/** @type {string} */ name) => `tests/eventmesh/client/${name}.test.ts`;
const confirmation = [test("confirmation")];
const renewal = [test("renewal")];
const connect = [test("connect")];
const goodbye = [test("goodbye")];
const leaving = [test("leaving")];
const midway = [test("goodbye_midway")];
const peers = [test("goodbye_peers")];
const heartbeat = [test("heartbeat")];
const move = [test("move")];
const publish = [test("publish")];
const outcomes = [test("publish_outcomes")];
const reconnect = [test("reconnect")];
const redirect = [test("redirect")];
const request = [test("request")];
const responder = [test("responder")];
const serverGoodbye = [test("server_goodbye")];
const sockets = [test("sockets")];
const subscribe = [test("subscribe")];
const subscribeEnds = [test("subscribe_ends")];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "a session that has run out of places is kept",
    file: "lib/eventmesh/publisher.ts",
    find: "      onOvertaken: () => this.#link.renew(),\n",
    put: "",
    tests: renewal,
  },
  {
    name: "I2: a renewal that fails leaves the connection without a way back",
    file: "lib/eventmesh/link.ts",
    find:
      "    this.#moving = undefined;\n    const there = session === this.#session;\n    if (next === undefined) {\n",
    put:
      "    const there = session === this.#session;\n    if (next === undefined) {\n      this.#session = undefined;\n",
    tests: renewal,
  },
  {
    name: "I7: an acknowledgement is for the publish that its seq names, whatever was stored",
    file: "lib/eventmesh/confirmation.ts",
    find: "return seq ?? (this.#named ? NaN : seqNumber);",
    put: "return seqNumber;",
    tests: confirmation,
  },
  {
    name: "I7: the acknowledgement of another client confirms a publish",
    file: "lib/eventmesh/confirmation.ts",
    find: "    if (seq !== undefined) this.#named = true;\n",
    put: "",
    tests: confirmation,
  },
  {
    name: "an acknowledgement whose body has another id is for nobody",
    file: "lib/eventmesh/confirmation.ts",
    find: "(this.#named ? NaN : seqNumber)",
    put: "NaN",
    tests: confirmation,
  },
  {
    name: "of publishes with one id the first is always meant",
    file: "lib/flow/exchange.ts",
    find: "    if (operation !== undefined && matches(operation.payload, guess)) return guess;\n",
    put: "",
    tests: confirmation,
  },
  {
    name: "I15: a session whose hello was refused stays open",
    file: "lib/eventmesh/opening.ts",
    find: "    session.destroy();\n    await session.closed;\n",
    put: "",
    tests: connect,
  },
  {
    name: "I2, I15: a connect rejects before its stream is gone",
    file: "lib/eventmesh/opening.ts",
    find: "    await session.closed;\n",
    put: "",
    tests: connect,
  },
  {
    name: "I10: the reason of an abort of connect is wrapped",
    file: "lib/eventmesh/opening.ts",
    find: "  if (signal.aborted && Object.is(error, signal.reason)) return error;\n",
    put: "",
    tests: connect,
  },
  {
    name: "I15: an abort that comes with the answer to hello comes too late",
    file: "lib/eventmesh/connection.ts",
    find: "  if (signal?.aborted === true) {\n    await connection.abandon",
    put: "  if (signal === undefined && options === undefined) {\n    await connection.abandon",
    tests: connect,
  },
  {
    name: "I15: a subscription that is ready when the connection ends stays",
    file: "lib/messaging/subscribers.ts",
    find: "if (signal?.aborted !== true && !connection.ending) return this.#own(subscriber, signal);",
    put: "if (signal?.aborted !== true) return this.#own(subscriber, signal);",
    tests: midway,
  },
  {
    name: "I11: the end does not wait for subscriptions that are being made",
    file: "lib/messaging/subscribers.ts",
    find: "...this.#starting, ",
    put: "",
    tests: midway,
  },
  {
    name: "I15: the end does not cancel subscriptions that are being made",
    file: "lib/messaging/subscribers.ts",
    find: "{ signal, timeout, action, owner: connection.draining, onOwner: refusal }",
    put: "{ signal, timeout, action, onOwner: refusal }",
    tests: midway,
  },
  {
    name: "a subscribe does not wait for the reconnect of its connection",
    file: "lib/messaging/subscribers.ts",
    find: `if (connection.state === "reconnecting") await this.#untilOpen(signal);`,
    put:
      `if (connection.state === "reconnecting") throw new ConnectError("Cannot connect", { address: "" });`,
    tests: ["tests/contracts/connection.test.ts"],
  },
  {
    name: "a subscribe that fails with its connection is not tried again",
    file: "lib/messaging/subscribers.ts",
    find: "if (!lost || !(error instanceof ConnectError)) throw error;",
    put: "if (!lost || error instanceof ConnectError) throw error;",
    tests: ["tests/sweep/reconnect.test.ts"],
  },
  {
    name: "a subscribe takes a connection that is back for one that was never lost",
    file: "lib/messaging/subscribers.ts",
    find: " || this.#epoch() !== epoch;",
    put: ";",
    tests: ["tests/messaging/subscribers.test.ts"],
  },
  {
    name: "a subscribe is tried again after its abort",
    file: "lib/messaging/subscribers.ts",
    find: "      signal.throwIfAborted();\n",
    put: "",
    tests: ["tests/messaging/subscribers.test.ts"],
  },
  {
    name: "a subscribe of NATS that is aborted after a loss tells of the loss",
    file: "lib/nats/subscriber.ts",
    find: "        signal.throwIfAborted();\n",
    put: "        if (signal.aborted) throw cause;\n",
    tests: ["tests/sweep/nats_reconnect.test.ts"],
  },
  {
    name: "I4: publishes are refused before subscriptions have ended",
    file: "lib/eventmesh/connection.ts",
    find: "    await this.#subscribers.drain(step);\n    this.#publisher.stop();",
    put: "    this.#publisher.stop();\n    await this.#subscribers.drain(step);",
    tests: goodbye,
  },
  {
    name: "I4: goodbye is said while something is on its way",
    file: "lib/eventmesh/connection.ts",
    find: "    await this.#publisher.idle();\n",
    put: "",
    tests: goodbye,
  },
  {
    name: "I8: a server that was never told passes for told",
    file: "lib/eventmesh/connection.ts",
    find: "    if (!this.#told && !step.signal.aborted) this.#lifecycle.lost();\n",
    put: "",
    tests: peers,
  },
  {
    name: "I8: goodbye is said twice",
    file: "lib/eventmesh/session.ts",
    find: `this.#farewell ??= this.control("CLIENT_GOODBYE_REQUEST", undefined);`,
    put: `this.#farewell = this.control("CLIENT_GOODBYE_REQUEST", undefined);`,
    tests: [...move, ...serverGoodbye, ...goodbye],
  },
  {
    name: "I8: the stream is cut in place of its end",
    file: "lib/eventmesh/session.ts",
    find: `    await limited(limits, (cut) => abortable(this.closed, cut)).catch(() => {});\n`,
    put: "    void limits;\n",
    tests: leaving,
  },
  {
    name: "I8: a forced end does not tell a server that could be told",
    file: "lib/eventmesh/session.ts",
    find: "if (!this.goodbyeSaid && this.#heartbeat !== undefined && error === undefined) {",
    put: "if (this.goodbyeSaid && this.#heartbeat !== undefined && error === undefined) {",
    tests: goodbye,
  },
  {
    name: "I8: a goodbye does not wait for deliveries that are not acknowledged",
    file: "lib/eventmesh/session.ts",
    find:
      "    await abortable(Promise.race([this.deliveries.none(), this.closed]), signal).catch(() => {});\n",
    put: "",
    tests: leaving,
  },
  {
    name: "I8: a goodbye on a session that is paused is never answered",
    file: "lib/eventmesh/session.ts",
    find: "    this.resume();\n    this.#farewell",
    put: "    this.#farewell",
    tests: [...subscribeEnds, ...goodbye, ...redirect],
  },
  {
    name: "I5: a session that is left waits for the answer to its goodbye for ever",
    file: "lib/eventmesh/session.ts",
    find: "await abortable(this.#farewell, signal).catch(() => {});",
    put: "await this.#farewell.catch(() => {});",
    tests: leaving,
  },
  {
    name: "I5: a goodbye waits for deliveries beyond its step",
    file: "lib/eventmesh/session.ts",
    find: "await abortable(Promise.race([this.deliveries.none(), this.closed]), signal).catch(() => {});",
    put: "await Promise.race([this.deliveries.none(), this.closed]);",
    tests: leaving,
  },
  {
    name: "I5: a server that never ends its side is waited for",
    file: "lib/eventmesh/session.ts",
    find: "const limits = { signal, timeout: lingering, action:",
    put: "const limits = { signal, timeout: Infinity, action:",
    tests: peers,
  },
  {
    name: "I11: heartbeats go on after the end of a session",
    file: "lib/eventmesh/session.ts",
    find: "    this.#heartbeat?.stop();\n    this.#outbox.close();",
    put: "    this.#outbox.close();",
    tests: [...heartbeat, ...midway],
  },
  {
    name: "a server that does not know the session any longer is not left",
    file: "lib/eventmesh/session.ts",
    find: "      if (!(error instanceof Refusal)) return;\n",
    put: "      if (error) return;\n",
    tests: heartbeat,
  },
  {
    name: "silence counts as death while reading is paused",
    file: "lib/eventmesh/session.ts",
    find: "    this.#heartbeat?.pause();\n",
    put: "",
    tests: heartbeat,
  },
  {
    name: "a server that sends only messages counts as dead",
    file: "lib/eventmesh/session.ts",
    find: "    this.#heartbeat?.heard();\n",
    put: "",
    tests: heartbeat,
  },
  {
    name: "I11: force leaves attempts behind",
    file: "lib/eventmesh/link.ts",
    find:
      "    this.#forced = true;\n    for (const session of this.#held()) session.destroy();\n    await Promise.all(this.#works);\n",
    put: "    this.#forced = true;\n    for (const session of this.#held()) session.destroy();\n",
    tests: midway,
  },
  {
    name: "I11: force does not wait for its streams",
    file: "lib/eventmesh/link.ts",
    find: "    await Promise.all(this.#held().map((session) => session.closed));\n",
    put: "",
    tests: [...goodbye, ...sockets],
  },
  {
    name: "I1: a connection that ends goes on to reconnect",
    file: "lib/eventmesh/link.ts",
    find: "if (retired || this.#moving === session || this.#stop.signal.aborted) return;",
    put: "if (retired || this.#moving === session) return;",
    tests: connect,
  },
  {
    name: "I14: a server that lets us in only to drop us is pestered",
    file: "lib/eventmesh/link.ts",
    find: "backoffDelay(attempt + Math.max(0, this.#flaps - 1), reconnect)",
    put: "backoffDelay(attempt, reconnect)",
    tests: reconnect,
  },
  {
    name: "I14: servers that send each other their clients make us spin",
    file: "lib/eventmesh/link.ts",
    find: "      if (this.#flaps > 1) await delay(backoffDelay(this.#flaps - 1, backoff), { signal });\n",
    put: "      void backoff;\n",
    tests: redirect,
  },
  {
    name: "I7: a session that is left is counted with the next",
    file: "lib/eventmesh/link.ts",
    find: "    if (there) this.#retiring.add(session);\n    this.#session = undefined;\n",
    put: "    this.#session = undefined;\n",
    tests: [...redirect, ...serverGoodbye],
  },
  {
    name: "a loss during drain passes for clean",
    file: "lib/eventmesh/link.ts",
    find: `      if (!retired && lifecycle.phase === "drain") lifecycle.lost();\n`,
    put: "",
    tests: peers,
  },
  {
    name: "our own goodbye follows the one of the server",
    file: "lib/eventmesh/link.ts",
    find: "    if (lifecycle.ending || this.#stop.signal.aborted) return;\n    if (session",
    put: "    if (session",
    tests: serverGoodbye,
  },
  {
    name: "I5: a session that settles nothing is never left",
    file: "lib/eventmesh/departure.ts",
    find: "timeout: settlement, action",
    put: "timeout: Infinity, action",
    tests: serverGoodbye,
  },
  {
    name: "I4: a session is left before it has settled what it has",
    file: "lib/eventmesh/departure.ts",
    find: "Promise.race([quiet(), session.closed])",
    put: "Promise.resolve()",
    tests: redirect,
  },
  {
    name: "I11: a session that was left stays open",
    file: "lib/eventmesh/departure.ts",
    find: "  session.destroy();\n",
    put: "",
    tests: leaving,
  },
  {
    name: "I10: every operation of a lost connection gets the same error",
    file: "lib/flow/exchange.ts",
    find:
      `else this.#reject(operation, lostError(this.#action(operation), "unknown", cause), "unconfirmed");`,
    put: `else this.#reject(operation, cause, "unconfirmed");`,
    tests: outcomes,
  },
  {
    name: "I10: what a server refuses does not say what was refused",
    file: "lib/eventmesh/failure.ts",
    find: "  if (!(error instanceof Refusal)) return error;\n",
    put: "  if (error) return error;\n",
    tests: outcomes,
  },
  {
    name: "a busy server is no reason to try again",
    file: "lib/eventmesh/failure.ts",
    find: `code === OPStatus.TPS_OVERLOAD || busy.test(description ?? "")`,
    put: `code === OPStatus.TPS_OVERLOAD`,
    tests: [...outcomes, ...request, ...subscribeEnds],
  },
  {
    name: "I7: a message is acknowledged on a session that did not deliver it",
    file: "lib/eventmesh/incoming.ts",
    find: "    if (!session.alive) return false;\n",
    put: "",
    tests: reconnect,
  },
  {
    name: "I8: a delivery that has its fate keeps its session from being left",
    file: "lib/eventmesh/incoming.ts",
    find: "    this.#session?.deliveries.done();\n",
    put: "",
    tests: [...redirect, ...goodbye],
  },
  {
    name: "I7: a message that comes after our goodbye is taken and lost",
    file: "lib/eventmesh/subscriber.ts",
    find: "    if (this.#comesTooLate(session)) return;\n",
    put: "",
    tests: redirect,
  },
  {
    name: "I13: a push that holds no message ends the subscription",
    file: "lib/eventmesh/subscriber.ts",
    find: "      this.#answerer.acknowledge(packet, session);\n      this.lifecycle.fault(error);",
    put: "      throw error;",
    tests: subscribe,
  },
  {
    name: "reading goes on after a reconnect although the buffer is full",
    file: "lib/eventmesh/subscriber.ts",
    find: "        if (this.#paused) session.pause();\n",
    put: "",
    tests: subscribeEnds,
  },
  {
    name: "a refused subscription passes for a loss",
    file: "lib/eventmesh/subscriber.ts",
    find: `cause: refused ? "refused" : "lost"`,
    put: `cause: "lost"`,
    tests: reconnect,
  },
  {
    name: "the window that a server advertises is not kept to",
    file: "lib/eventmesh/publisher.ts",
    find: "this.#context.options.window ?? advertisedWindow(session)",
    put: "this.#context.options.window ?? defaultWindow",
    tests: publish,
  },
  {
    name: "I5: a session that is left delays our own goodbye",
    file: "lib/eventmesh/session.ts",
    find: "const limits = { signal, timeout: lingering, action:",
    put: "const limits = { timeout: lingering, action:",
    tests: leaving,
  },
  {
    name: "I13: the session that is left may hold up the next",
    file: "lib/eventmesh/publisher.ts",
    find: "if (session === this.#session) each((exchange) => exchange.writable = false);",
    put: "each((exchange) => exchange.writable = false);",
    tests: leaving,
  },
  {
    name: "a reply is not acknowledged",
    file: "lib/eventmesh/publisher.ts",
    find: `        this.#answerer.acknowledge(packet, session);\n`,
    put: "",
    tests: request,
  },
  {
    name: "a refusal without a body passes for a confirmation",
    file: "lib/eventmesh/session.ts",
    find: "    code === 0 &&\n",
    put: "",
    tests: outcomes,
  },
  {
    name: "a broadcast is published as the message before it",
    file: "lib/eventmesh/wire/shape.ts",
    find: "return this.#beginning?.template === template ? this.#beginning.bytes : undefined;",
    put: "return this.#beginning?.bytes;",
    tests: ["tests/eventmesh/wire/shape.test.ts"],
  },
  {
    name: "a message goes where the one before went",
    file: "lib/eventmesh/wire/shape.ts",
    find: "if (topic === this.#topic && template === this.#template) {",
    put: "if (template === this.#template) {",
    tests: ["tests/eventmesh/wire/shape.test.ts"],
  },
  {
    name: "a request says how long the one before had",
    file: "lib/eventmesh/wire/shape.ts",
    find: "if (value !== undefined) values[names.length] = value;",
    put: "if (value !== undefined) values[names.length] = (shapes as { ttl?: string }).ttl ??= value;",
    tests: request,
  },
  {
    name: "what ties a reply to its request gets lost",
    file: "lib/eventmesh/wire/event.ts",
    find: "data, properties: NONE }, tied)",
    put: "data, properties: NONE })",
    tests: responder,
  },
  {
    name: "an acknowledgement echoes the properties of the one before",
    file: "lib/eventmesh/answerer.ts",
    find: "this.#command !== command || this.#properties !== properties",
    put: "this.#command !== command",
    tests: subscribe,
  },
  {
    name: "of URLs that contradict each other the first is believed",
    file: "lib/eventmesh/url.ts",
    find: "if ((agent[key] ??= value) === value) continue;",
    put: "if ((agent[key] ??= value) !== undefined) continue;",
    tests: ["tests/eventmesh/url.test.ts"],
  },
  {
    name: "settings of TLS are ignored beside a server without TLS",
    file: "lib/eventmesh/url.ts",
    find: `parts.protocol === "eventmesh:" && tls !== undefined`,
    put: "false",
    tests: ["tests/eventmesh/url.test.ts"],
  },
  {
    name: "an error names the Java class of an exception",
    file: "lib/eventmesh/failure.ts",
    find: `description.replace(javaClasses, "")`,
    put: "description",
    tests: ["tests/eventmesh/client/publish_outcomes.test.ts"],
  },
  {
    name: "an option of an EventMesh subscribe that there is not is ignored",
    file: "lib/eventmesh/options.ts",
    find: "  checkNames(options, [...subscribeNames,",
    put: "  (() => {})(options, [...subscribeNames,",
    tests: ["tests/eventmesh/options.test.ts"],
  },
];
