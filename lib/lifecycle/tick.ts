import process from "node:process";

/** What comes and goes more often than this serves operations that follow one another. */
const often = 32;
const settled = Promise.resolve();

/**
 * Calls `leave` with `value` when nothing needs what it takes away, for the `uses`th time: in the next microtask or, when
 * that is often the case, at the end of the tick. There whoever awaits what has just settled has begun what comes next.
 */
export function afterUse<T>(uses: number, leave: (value: T) => void, value: T): void {
  if (uses < often) void settled.then(() => leave(value));
  else atTickEnd(leave, value);
}

/**
 * Calls `task` with `value` at the end of the tick, when all promises have had their turn: so what an answer settles and
 * what whoever awaited it does next are in one tick. `process.nextTick` alone would not do: asked for outside of a
 * promise, it comes before all promises. And not `queueMicrotask`, which in Node costs several times as much.
 */
export function atTickEnd<T>(task: (value: T) => void, value: T): void {
  void settled.then(() => process.nextTick(task, value));
}
