import { atTickEnd } from "../lifecycle/tick.ts";

/**
 * What is to be done when a chunk has been read, or at the end of the tick where none is: nothing that a chunk brings waits
 * for a promise, so its answers leave, to whomever they go, in one write each as soon as it is read.
 *
 * Tasks are done in the order in which they were asked for, and those they ask for behind them.
 */
export class Turn {
  /** Functions, each with its value behind it. Filled and emptied in place: an array that is cut takes new memory. */
  readonly #due: unknown[] = [];
  #size = 0;
  #held = false;
  /** The end of the tick will be the end. */
  #asked = false;
  #ending = false;

  /** Calls `task` with `value` at the end. */
  readonly after = <T>(task: (value: T) => void, value: T): void => {
    this.#due[this.#size++] = task;
    this.#due[this.#size++] = value;
    if (!this.#held && !this.#ending) this.#ask();
  };

  /** Until {@linkcode end}, which must follow, it does not end with the tick. */
  hold(): void {
    this.#held = true;
  }

  /** Does all that is due. */
  end(): void {
    this.#held = false;
    if (this.#ending) return;
    this.#ending = true;
    const due = this.#due;
    let at = 0;
    try {
      while (at < this.#size) {
        const task = due[at] as (value: unknown) => void;
        const value = due[at + 1];
        due[at] = due[at + 1] = undefined;
        at += 2;
        task(value);
      }
    } finally {
      this.#ending = false;
      // One has thrown: the others do not suffer by it.
      if (at < this.#size) due.splice(0, at);
      this.#size -= at;
      if (this.#size > 0) this.#ask();
    }
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    atTickEnd(Turn.#endTick, this);
  }

  static #endTick(this: void, turn: Turn): void {
    turn.#asked = false;
    turn.end();
  }
}
