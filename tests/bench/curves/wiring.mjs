// What an operation pays for its signal and its time limit: nanoseconds, alone and beside others on the same signal and
// the same wheel. The least of all slices counts: whatever else the machine does only adds to it.
import process from "node:process";
import { Operation } from "../../../lib/flow/operation.ts";
import { linkAbort } from "../../../lib/lifecycle/abort.ts";
import { TimerWheel } from "../../../lib/lifecycle/wheel.ts";
import { obey } from "./actor.mjs";

/** Operations that are under way beside the one that comes and goes. */
const crowds = [0, 64, 512, 10_000];
/** Milliseconds of a time limit. */
const limit = 20_000;
/** Operations between two looks at the clock. */
const batch = 64;

const target = { onAbort() {}, onDeadline() {} };
const owner = { aborted() {}, expired() {} };
// It is the cost of many listeners that is to be shown.
process.removeAllListeners("warning");
process.on("warning", () => {});

/** Given how many others there are, each returns what one operation does. */
const kinds = {
  signal(others) {
    const { signal } = new AbortController();
    repeat(others, () => linkAbort(signal, target));
    return () => linkAbort(signal, target).unlink();
  },
  "signal, oldest first"(others) {
    const { signal } = new AbortController();
    return inTurn(others, () => linkAbort(signal, target), (link) => link.unlink());
  },
  "time limit"(others) {
    const wheel = new TimerWheel();
    repeat(others, () => wheel.add(limit, target));
    return () => wheel.add(limit, target).cancel();
  },
  "time limit, oldest first"(others) {
    const wheel = new TimerWheel();
    return inTurn(others, () => wheel.add(limit, target), (timer) => timer.cancel());
  },
  operation(others) {
    const wheel = new TimerWheel();
    const options = { signal: new AbortController().signal, timeout: limit };
    repeat(others, () => new Operation(undefined, options, owner, wheel));
    return () => new Operation(undefined, options, owner, wheel).resolve();
  },
  "operation without both"() {
    const wheel = new TimerWheel();
    const options = { timeout: Infinity };
    return () => new Operation(undefined, options, owner, wheel).resolve();
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

/** The oldest goes, and a new one comes. */
function inTurn(others, come, go) {
  const ring = Array.from({ length: others + 1 }, come);
  let at = 0;
  return () => {
    go(ring[at]);
    ring[at] = come();
    at = at === others ? 0 : at + 1;
  };
}
