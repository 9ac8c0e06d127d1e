// What an operation pays for its signal and its time limit: nanoseconds, alone and beside others on the same signal and
// the same wheel. The least of all slices counts: whatever else the machine does only adds to it.
import process from "node:process";
import { Operation } from "../../../lib/flow/operation.ts";
import { leaveSignal, SignalJoiner } from "../../../lib/lifecycle/abort.ts";
import { Deadlines } from "../../../lib/lifecycle/deadlines.ts";
import { TimerWheel } from "../../../lib/lifecycle/wheel.ts";
import { obey } from "./actor.mjs";

/** Operations that are under way beside the one that comes and goes. */
const crowds = [0, 64, 512, 10_000];
/** Milliseconds of a time limit. */
const limit = 20_000;
/** Operations between two looks at the clock. */
const batch = 64;

const target = { onDeadline() {} };
// It is the cost of many listeners that is to be shown.
process.removeAllListeners("warning");
process.on("warning", () => {});

/** What an operation is to its signal and its deadline. */
function node() {
  return {
    fanOut: undefined,
    linkedBefore: undefined,
    linkedAfter: undefined,
    onAbort() {},
    deadline: undefined,
    earlier: undefined,
    later: undefined,
    onDeadline() {},
  };
}

function owner() {
  return {
    signals: new SignalJoiner(),
    deadlines: new Deadlines(new TimerWheel()),
    aborted() {},
    expired() {},
  };
}

/** Given how many others there are, each returns what one operation does. */
const kinds = {
  signal(others) {
    const [{ signal }, joiner, one] = [new AbortController(), new SignalJoiner(), node()];
    repeat(others, () => joiner.join(signal, node()));
    return () => {
      joiner.join(signal, one);
      leaveSignal(one);
    };
  },
  "signal, oldest first"(others) {
    const [{ signal }, joiner] = [new AbortController(), new SignalJoiner()];
    return inTurn(others, (one) => joiner.join(signal, one), (one) => leaveSignal(one));
  },
  "time limit"(others) {
    const [deadlines, one] = [new Deadlines(new TimerWheel()), node()];
    repeat(others, () => deadlines.set(node(), limit));
    return () => {
      deadlines.set(one, limit);
      deadlines.clear(one);
    };
  },
  "time limit, oldest first"(others) {
    const deadlines = new Deadlines(new TimerWheel());
    return inTurn(others, (one) => deadlines.set(one, limit), (one) => deadlines.clear(one));
  },
  "place on the wheel"(others) {
    const wheel = new TimerWheel();
    repeat(others, () => wheel.add(limit, target));
    return () => wheel.add(limit, target).cancel();
  },
  operation(others) {
    const mine = owner();
    const options = { signal: new AbortController().signal, timeout: limit };
    repeat(others, () => new Operation(undefined, options, mine));
    return () => new Operation(undefined, options, mine).resolve();
  },
  "operation without both"() {
    const mine = owner();
    const options = { timeout: Infinity };
    return () => new Operation(undefined, options, mine).resolve();
  },
  clock() {
    let sum = 0;
    return () => void (sum += performance.now());
  },
  addEventListener(others) {
    const { signal } = new AbortController();
    repeat(others, () => signal.addEventListener("abort", () => {}));
    return () => {
      const listener = () => {};
      signal.addEventListener("abort", listener);
      signal.removeEventListener("abort", listener);
    };
  },
  setTimeout(others) {
    repeat(others, () => setTimeout(() => {}, 600_000));
    return () => clearTimeout(setTimeout(() => {}, limit));
  },
};

await obey(true, {
  async run({ rounds, slice }) {
    const trials = [];
    for (const [kind, make] of Object.entries(kinds)) {
      for (const others of make.length === 0 ? [0] : crowds) {
        // To add 10,000 listeners takes a second, as each is compared with all before it.
        if (kind === "addEventListener" && others > 512) continue;
        trials.push({ kind, others, run: make(others), ns: Infinity });
      }
    }
    for (let round = -2; round < rounds; round++) {
      for (const trial of round % 2 === 0 ? trials : [...trials].reverse()) {
        const ns = measure(trial.run, slice);
        if (round >= 0) trial.ns = Math.min(trial.ns, ns);
        // What is left to the end of a turn has it here.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return { costs: trials.map(({ kind, others, ns }) => ({ kind, others, ns })) };
  },
});

/** Nanoseconds of one, in the mean of a slice. */
function measure(run, slice) {
  const start = performance.now();
  let done = 0;
  let now = start;
  for (; now < start + slice; now = performance.now(), done += batch) {
    for (let i = 0; i < batch; i++) run();
  }
  return (now - start) * 1e6 / done;
}

function repeat(count, make) {
  for (let i = 0; i < count; i++) make();
}

/** The oldest goes, and comes as the newest. */
function inTurn(others, come, go) {
  const ring = Array.from({ length: others + 1 }, node);
  for (const one of ring) come(one);
  let at = 0;
  return () => {
    go(ring[at]);
    come(ring[at]);
    at = at === others ? 0 : at + 1;
  };
}
