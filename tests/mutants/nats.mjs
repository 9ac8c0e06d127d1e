/**
 * Seeded bugs of `lib/nats`.
 *
 * @module
 */
const connect = ["tests/nats/connect.test.ts"];
const goodbye = ["tests/nats/goodbye.test.ts"];
const publish = ["tests/nats/publish.test.ts"];
const request = ["tests/nats/request.test.ts"];
const denied = ["tests/nats/denied.test.ts"];
const loss = ["tests/nats/loss.test.ts"];
const stream = ["tests/nats/stream.test.ts"];
const doubt = ["tests/nats/doubt.test.ts"];
const room = ["tests/nats/room.test.ts"];
const wire = ["tests/nats/wire.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I15: an attempt that fails forgets its stream",
    file: "lib/nats/wire.ts",
    find: "      this.destroy();\n      this.#transport?.destroy();\n",
    put: "      this.#closed.resolve(undefined);\n",
    tests: connect,
  },
  {
    name: "I11: an end that is under way is not waited for",
    file: "lib/nats/protocol.ts",
    find: "    return this.#end ??= this.#close(error);",
    put: "    this.#end ??= Promise.resolve();\n    return this.#close(error);",
    tests: goodbye,
  },
  {
    name: "a message is confirmed by the answer on another connection",
    file: "lib/nats/confirmations.ts",
    find: "    this.#confirmed = this.#last;\n    this.bytes = 0;",
    put: "    this.#confirmed = this.#last;",
    tests: publish,
  },
  {
    name: "the window in bytes holds nothing back",
    file: "lib/nats/publisher.ts",
    find: "const writable = !this.#full && this.#confirmations.bytes < this.#options.windowBytes;",
    put: "const writable = !this.#full;",
    tests: publish,
  },
  {
    name: "a publish that is not allowed counts as confirmed",
    file: "lib/nats/link.ts",
    find: 'if (status.error.operation === "publish") handler.denied(status.error);',
    put: "",
    tests: publish,
  },
  {
    name: "the client's own writes go out behind ours",
    file: "lib/nats/link.ts",
    find: "    if (outbound.length() > 0) this.protocol.flushPending();\n",
    put: "    void outbound;\n",
    tests: publish,
  },
  {
    name: "whoever gathers replies is not told of a loss",
    file: "lib/nats/publisher.ts",
    find: "    this.requests.lost(cause);\n",
    put: "",
    tests: request,
  },
  {
    name: "a goodbye stops to take messages before it unsubscribes",
    file: "lib/nats/subscriber.ts",
    find:
      "    for (const subscription of this.#subscriptions) link.interests.leave(subscription);\n    if (!link.up) return;",
    put: "    if (link.up) return;",
    tests: goodbye,
  },
  {
    name: "wrong credentials are tried for ever",
    file: "lib/nats/link.ts",
    find: "if (refusals > this.protocol.servers.length()) return handler.terminal(failure as PeerError);",
    put: "",
    tests: goodbye,
  },
  {
    name: "silence counts as death while nothing is read",
    file: "lib/nats/link.ts",
    find: "    this.protocol.heartbeats.cancel();\n    this.#keepAlive();\n  }\n\n  resume",
    put: "    this.#keepAlive();\n  }\n\n  resume",
    tests: goodbye,
  },
  {
    name: "a stream without a leader is none",
    file: "lib/nats/stream.ts",
    find: '"no stream listens there", true)',
    put: '"no stream listens there", false)',
    tests: stream,
  },
  {
    name: "a message that may be stored is said to be refused",
    file: "lib/nats/stream.ts",
    find: "if (this.#refusal !== undefined && this.answers === this.writes) return this.#refusal;",
    put: "if (this.#refusal !== undefined) return this.#refusal;",
    tests: stream,
  },
  {
    name: "what a stream refuses counts as confirmed",
    file: "lib/nats/requests.ts",
    find: "    if (error !== undefined) this.exchange.refuse(seq, error);\n    else if (reply",
    put: "    if (error?.transient === true) this.exchange.refuse(seq, error);\n    else if (reply",
    tests: stream,
  },
  {
    name: "a login that was too slow counts as wrong credentials",
    file: "lib/nats/failure.ts",
    find: "return error instanceof AuthorizationError && !/authentication timeout/i.test(error.message);",
    put: "return error instanceof AuthorizationError;",
    tests: loss,
  },
  {
    name: "a loss does not tell what the server said",
    file: "lib/nats/protocol.ts",
    find: "const why = wire.why ?? this.lastError ?? error;",
    put: "const why = error ?? this.lastError;",
    tests: loss,
  },
  {
    name: "a loss is blamed on what the server complained of long ago",
    file: "lib/nats/protocol.ts",
    find: "    this.lastError = undefined as never;\n    super.processPong();",
    put: "    super.processPong();",
    tests: loss,
  },
  {
    name: "who logs in again reads nothing when it was paused",
    file: "lib/nats/link.ts",
    find:
      "        wire: () => new Wire({ network, tls, full: () => this.#full(), drain: () => this.#drain() }),",
    put:
      "        wire: () => {\n          const wire = new Wire({ network, tls, full: () => this.#full(), drain: () => this.#drain() });\n          if (this.#paused) wire.pause();\n          return wire;\n        },",
    tests: loss,
  },
  {
    name: "an unconfirmed publish that is not allowed counts as confirmed",
    file: "lib/nats/confirmations.ts",
    find: "        run.count = 0;\n",
    put: "",
    tests: denied,
  },
  {
    name: "a denial that nobody waits for is not told",
    file: "lib/nats/publisher.ts",
    find: "if (unawaited > 0 || left < 0)",
    put: "if (unawaited > 0)",
    tests: denied,
  },
  {
    name: "a denial that somebody was told of is a fault too",
    file: "lib/nats/publisher.ts",
    find: "if (left > 0) this.#refuse(subject, left, count > 0);",
    put: "if (left > 1_000) this.#refuse(subject, left, count > 0);",
    tests: denied,
  },
  {
    name: "an unconfirmed message overtakes those that wait",
    file: "lib/nats/publisher.ts",
    find: "    if (waiting > 0) {",
    put: "    if (waiting > 1) {",
    tests: ["tests/nats/window.test.ts"],
  },
  {
    name: "headers are sent to a server that takes none",
    file: "lib/nats/outgoing.ts",
    find: "if (this.headers === undefined || limits.headers) return;",
    put: "if (limits.server !== undefined || limits.headers) return;",
    tests: wire,
  },
  {
    name: "the PING of a tick is another write",
    file: "lib/nats/publisher.ts",
    find: "    this.#link().wire.ticker = this.#confirmations;\n",
    put: "",
    tests: wire,
  },
  {
    name: "what the client itself writes is another write",
    file: "lib/nats/wire.ts",
    find: "const gathered = 16 * 1_024;",
    put: "const gathered = 0;",
    tests: wire,
  },
  {
    name: "much of what the client itself writes overtakes ours",
    file: "lib/nats/wire.ts",
    find: "    this.outbox.flush();\n    if (this.#transport?.write(frame)",
    put: "    if (this.#transport?.write(frame)",
    tests: wire,
  },
  {
    name: "replies are written whether there is room or not",
    file: "lib/nats/reply.ts",
    find: "if (link.up && link.room.full) return",
    put: "if (link.up && link.room.full && data.length === 0) return",
    tests: wire,
  },
  {
    name: "a reply that waits for room does not hear of a loss",
    file: "lib/nats/link.ts",
    find: "    this.#beat?.cancel();\n    this.room.free();\n",
    put: "    this.#beat?.cancel();\n",
    tests: wire,
  },
  {
    name: "what an outbox is given at the end of a tick waits for the next",
    file: "lib/flow/outbox.ts",
    find: "    if (!this.#closed) this.#owner.onTick?.();\n    this.#scheduled = false;",
    put: "    this.#scheduled = false;\n    if (!this.#closed) this.#owner.onTick?.();",
    tests: ["tests/flow/outbox.test.ts"],
  },
  {
    name: "a flush that has waited does not tell of what was lost meanwhile",
    file: "lib/nats/publisher.ts",
    find: "if (unconfirmed.lost > lost) throw",
    put: "if (unconfirmed.lost < lost) throw",
    tests: room,
  },
  {
    name: "an acknowledgement that is late is no result",
    file: "lib/nats/stream.ts",
    find: "if (outgoing.receipt !== undefined) return outgoing.receipt;",
    put: "",
    tests: doubt,
  },
  {
    name: "an acknowledgement that is late is waited for all the same",
    file: "lib/nats/requests.ts",
    find: "if (late && error === undefined && reply !== undefined)",
    put: "if (late && error === undefined && reply === undefined)",
    tests: doubt,
  },
  {
    name: "what is stored is sent again after the next refusal",
    file: "lib/nats/stream.ts",
    find: "passing && this.#retry && this.receipt === undefined",
    put: "passing && this.#retry",
    tests: doubt,
  },
  {
    name: "a refusal speaks for an earlier write that has no answer",
    file: "lib/nats/outgoing.ts",
    find: "if (this.writes === this.answers) return refusal;",
    put: "if (this.writes > 0) return refusal;",
    tests: doubt,
  },
  {
    name: "a denial speaks for an earlier publish that has no answer",
    file: "lib/nats/publisher.ts",
    find: "      explain: (error, outgoing) => outgoing.verdict(error),\n",
    put: "",
    tests: doubt,
  },
  {
    name: "I10: an attempt that ends in the turn of an abort is how it ends",
    file: "lib/nats/stream.ts",
    find: "      if (signal?.aborted === true) throw signal.reason;\n",
    put: "",
    tests: doubt,
  },
  {
    name: "a question to many that was not sent is lost with a connection",
    file: "lib/nats/requests.ts",
    find: "      if (!written) continue;\n",
    put: "      void written;\n",
    tests: room,
  },
  {
    name: "a question to many that was not sent may have been",
    file: "lib/nats/requests.ts",
    find: 'written ? "unknown" : "not-sent"',
    put: '"unknown"',
    tests: room,
  },
  {
    name: "a question to many that has ended is an abort",
    file: "lib/nats/request_many.ts",
    find: "if (this.#signal?.aborted === true || !this.outgoing.written) this",
    put: "this",
    tests: room,
  },
  {
    name: "denials that do not come swallow those of others",
    file: "lib/nats/publisher.ts",
    find: "if (this.#refused.get(subject) === refused) this",
    put: "if (this.#refused.get(subject) !== refused) this",
    tests: room,
  },
  {
    name: "a transport that is full when it opens is written to",
    file: "lib/nats/publisher.ts",
    find: "exchange.open(epoch, !this.#full)",
    put: "exchange.open(epoch)",
    tests: room,
  },
];
