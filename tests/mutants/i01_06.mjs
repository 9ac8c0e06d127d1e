/**
 * Seeded bugs of the invariants I1 to I6: how an endpoint ends.
 *
 * @module
 */
const reducer = ["tests/lifecycle/reducer.test.ts"];
const model = ["tests/lifecycle/model.test.ts"];
const monotone = ["tests/invariants/i01_monotone.test.ts"];
const flight = ["tests/invariants/i02_single_flight.test.ts"];
const accept = ["tests/invariants/i03_no_accept.test.ts"];
const order = ["tests/invariants/i04_order.test.ts"];
const grammar = ["tests/invariants/i04_grammar.test.ts"];
const bounded = ["tests/invariants/i05_bounded.test.ts"];
const escalation = ["tests/invariants/i06_escalation.test.ts"];

/** @type {import("./run/lists.mjs").Mutant[]} */
export default [
  {
    name: "I1: an endpoint that ends is opened again",
    file: "lib/lifecycle/reducer.ts",
    find: `if (current.state === "opening" || current.state === "reconnecting") step.state("open");`,
    put: `if (current.state !== "closed") step.state("open");`,
    tests: reducer,
  },
  {
    name: "I1: force is entered a second time",
    file: "lib/lifecycle/reducer.ts",
    find: `      if (current.phase === "force") break;\n`,
    put: "",
    tests: reducer,
  },
  {
    name: "I1: a late answer of a phase that was cut is taken for that of the next",
    file: "lib/lifecycle/lifecycle.ts",
    find: "    if (this.#gear.running !== running) return;\n",
    put: "    if (this.#gear.running === undefined) return;\n",
    tests: monotone,
  },
  {
    name: "I1: the goodbyes follow the force",
    file: "lib/lifecycle/reducer.ts",
    find:
      `      else step.state("closing").hard(input.reason).enter("force");\n      break;\n    case "done":`,
    put:
      `      else step.state("closing").hard(input.reason).enter(current.forced ? "goodbye" : "force");\n      break;\n    case "done":`,
    tests: model,
  },
  {
    name: "I2: a second dispose returns while the first still waits",
    file: "lib/lifecycle/base.ts",
    find: "    await this.#core.goodbye();",
    put: `    if (this.state === "open") await this.#core.goodbye();`,
    tests: flight,
  },
  {
    name: "I2: a later caller is told when its own hurry is over",
    file: "lib/lifecycle/lifecycle.ts",
    find: "    this.ask(options);\n    return this.closed;\n",
    put:
      "    const ending = this.ending;\n    this.ask(options);\n    return ending ? Promise.resolve({} as Farewell) : this.closed;\n",
    tests: flight,
  },
  {
    name: "I2: callers are told when the release begins",
    file: "lib/lifecycle/reducer.ts",
    find: `        this.state("releasing").enter("release");\n        break;`,
    put: `        this.state("releasing").enter("release").effects.push({ type: "settle" });\n        break;`,
    tests: reducer,
  },
  {
    name: "I3: a stream that was in the hands of the listener gets a handler",
    file: "lib/server/running.ts",
    find: "    if (!this.#accepting) return this.#refuse(transport);\n",
    put: "",
    tests: accept,
  },
  {
    name: "I3: streams are taken until the listener has closed",
    file: "lib/server/running.ts",
    find: "    this.#accepting = false;\n    await this.#listener.close();",
    put: "    await this.#listener.close();\n    this.#accepting = false;",
    tests: accept,
  },
  {
    name: "I3: nobody waits for the streams that are refused",
    file: "lib/server/running.ts",
    find: "    this.#leaving++;\n    void transport.closed",
    put: "    void transport.closed",
    tests: accept,
  },
  {
    name: "I4: the drain begins while the listener still closes",
    file: "lib/server/running.ts",
    find: "intake: () => this.#stopListening(),",
    put: "intake: () => void this.#stopListening(),",
    tests: order,
  },
  {
    name: "I4: a connection says goodbye before its turn",
    file: "lib/server/departure.ts",
    find: "this.#serverEnd?.turn.come === false",
    put: "this.#serverEnd?.turn === undefined",
    tests: order,
  },
  {
    name: "I4: the goodbyes begin before all have drained",
    file: "lib/server/running.ts",
    find: "    await drained.promise;\n",
    put: "",
    tests: order,
  },
  {
    name: "I4: the hooks run before the last socket is closed",
    file: "lib/server/running.ts",
    find: "connection.takeTurn(within(step));\n    await this.#allLeft();",
    put: "connection.takeTurn(within(step));",
    tests: order,
  },
  {
    name: "I4: hooks run first-in first-out",
    file: "lib/lifecycle/hooks.ts",
    find: "for (let hook = hooks.pop(); hook !== undefined; hook = hooks.pop()) {",
    put: "for (let hook = hooks.shift(); hook !== undefined; hook = hooks.shift()) {",
    tests: order,
  },
  {
    name: "I4: a broker closes its storage while sessions are there",
    file: "lib/broker/running.ts",
    find: "        core.tick();\n        core.pause();",
    put: "        core.tick();\n        core.end();",
    tests: order,
  },
  {
    name: "I4: the farewell comes before the endpoint is closed",
    file: "lib/lifecycle/reducer.ts",
    find: `        this.set({ phase: undefined }).state("closed").effects.push({ type: "settle" });`,
    put:
      `        this.effects.push({ type: "settle" });\n        this.set({ phase: undefined }).state("closed");`,
    tests: grammar,
  },
  {
    name: "I4: a subscription that nobody gets never tells its end",
    file: "lib/messaging/subscribers.ts",
    find: "    await subscriber.lifecycle.end({ ...end, forced: true });",
    put: "    void end;\n    await subscriber.force();",
    tests: ["tests/eventmesh/client/goodbye_midway.test.ts"],
  },
  {
    name: "I5: a hook may take all that is left, and those before it never run",
    file: "lib/lifecycle/hooks.ts",
    find: "return (step.remaining() * 0.95) / count;",
    put: "return step.remaining() + 0 * count;",
    tests: bounded,
  },
  {
    name: "I5: a short tail is not kept to by force",
    file: "lib/lifecycle/phases.ts",
    find: `if (phase === "force") return this.#tail / 6;`,
    put: `if (phase === "force") return Infinity;`,
    tests: bounded,
  },
  {
    name: "I5: a phase has no deadline",
    file: "lib/lifecycle/lifecycle.ts",
    find: "if (gear.running === running && running.timer === undefined) this.#arm(running);",
    put:
      'if (phase !== "drain" && gear.running === running && running.timer === undefined) this.#arm(running);',
    tests: bounded,
  },
  {
    name: "I5: a scope waits for ever for an endpoint that does not end",
    file: "lib/lifecycle/scope.ts",
    find: `startTimer(share, () => over.resolve("timeout"))`,
    put: `startTimer(Infinity, () => over.resolve("timeout"))`,
    tests: bounded,
  },
  {
    name: "I5: the drain of a server ends with the first deadline that is not its own",
    file: "lib/lifecycle/reducer.ts",
    find:
      `      if (input.phase === "goodbye") step.hard(input.reason).enter("force");\n      else step.after(input.phase);`,
    put:
      `      if (input.phase === "goodbye") step.hard(input.reason).enter("force");\n      else if (input.phase !== "force") step.after(input.phase);`,
    tests: model,
  },
  {
    name: "I6: an abort during the release skips what is left of it",
    file: "lib/lifecycle/reducer.ts",
    find: `if (current.phase === "release") step.hard(input.reason);`,
    put: `if (current.phase === "release") step.hard(input.reason).after("release");`,
    tests: escalation,
  },
  {
    name: "I6: the signal of a later caller is not listened to",
    file: "lib/lifecycle/lifecycle.ts",
    find: 'if (signal !== undefined && !aborted && this.state !== "closed") {',
    put:
      'if (signal !== undefined && !aborted && this.state !== "closed" && this.#gear.links === undefined) {',
    tests: escalation,
  },
  {
    name: "I6: an abort waits for the deadline of the phase",
    file: "lib/lifecycle/running.ts",
    find: "    signal?.abort(reason);\n    this.#tell(reason);",
    put: "    void [signal, reason];",
    tests: escalation,
  },
];
