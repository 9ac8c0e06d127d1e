import { longestDelay, now } from "./timer.ts";

/** Told once when its time has come. It must not throw and must not run code of the user. */
export interface WheelTarget {
  onDeadline(): void;
}

/** One deadline on a {@linkcode TimerWheel}. */
export interface WheelTimer {
  cancel(): void;
}

/**
 * Many deadlines on one timer. Adding and cancelling take constant time; a target is told at its deadline or up to one
 * tick later, never before. While a deadline is set the process stays alive; with none the wheel holds no timer.
 *
 * ```
 *   slot   0   1   2   3  ...  511     a deadline lies in slot (its tick mod 512);
 *          |       |                   the one native timer is set to the next slot that holds one
 *        timer   timer - timer
 * ```
 */
export class TimerWheel {
  readonly #slots: (WheelEntry | undefined)[] = new Array(slotCount).fill(undefined);
  #size = 0;
  #origin = 0;
  /** The last tick whose slot has been visited. */
  #tick = 0;
  #wake = Infinity;
  #leaving = false;
  #handle: ReturnType<typeof setTimeout> | undefined = undefined;

  /** Deadlines that are set. */
  get size(): number {
    return this.#size;
  }

  /** Sets a deadline `delay` milliseconds from now; `Infinity` sets none. */
  add(delay: number, target: WheelTarget): WheelTimer {
    if (delay === Infinity) return noTimer;
    const time = now();
    if (this.#size === 0 && this.#handle === undefined) {
      this.#origin = time;
      this.#tick = 0;
    }
    const due = Math.max(this.#tick + 1, Math.ceil((time - this.#origin + Math.max(0, delay)) / tickLength));
    const entry = new WheelEntry(this, due, target);
    const slot = due & slotMask;
    const head = this.#slots[slot];
    if (head !== undefined) {
      entry.next = head;
      head.previous = entry;
    }
    this.#slots[slot] = entry;
    this.#size++;
    if (due < this.#wake) this.#arm(due, time);
    return entry;
  }

  /** Takes an entry off; called by the entry. */
  remove(entry: WheelEntry): void {
    const { previous, next } = entry;
    if (previous === undefined) this.#slots[entry.due & slotMask] = next;
    else previous.next = next;
    if (next !== undefined) next.previous = previous;
    entry.previous = entry.next = undefined;
    // Operations that follow one another in one tick keep the timer: setting and clearing it costs more than they do.
    if (--this.#size === 0 && !this.#leaving) {
      this.#leaving = true;
      queueMicrotask(this.#leave);
    }
  }

  #arm(due: number, time: number): void {
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#wake = due;
    const delay = Math.ceil(this.#origin + due * tickLength - time);
    // A turn that finds nothing due sets the next timer: a deadline beyond what `setTimeout` keeps needs no more.
    this.#handle = setTimeout(this.#turn, Math.min(Math.max(0, delay), longestDelay));
  }

  readonly #leave = (): void => {
    this.#leaving = false;
    if (this.#size > 0) return;
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#wake = Infinity;
  };

  readonly #turn = (): void => {
    // The handle stays until the end: a target that sets the only deadline must not move the origin under this turn.
    this.#wake = -Infinity;
    const reached = Math.floor((now() - this.#origin) / tickLength);
    const from = this.#tick + 1;
    this.#tick = Math.max(this.#tick, reached);
    // After a long pause of the process one round over all slots finds everything that is due.
    for (let tick = from; tick <= Math.min(reached, from + slotMask); tick++) {
      this.#fire(tick & slotMask, reached);
    }
    this.#handle = undefined;
    this.#wake = Infinity;
    if (this.#size > 0) this.#arm(this.#nextDue(), now());
  };

  #fire(slot: number, reached: number): void {
    // Collected first: a target may cancel its neighbours, or set new deadlines in the same slot.
    let due: WheelEntry[] | undefined;
    for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.next) {
      if (entry.due <= reached) (due ??= []).push(entry);
    }
    if (due === undefined) return;
    for (let i = due.length - 1; i >= 0; i--) {
      const entry = due[i]!;
      if (entry.take()) entry.target.onDeadline();
    }
  }

  /** The next tick whose slot holds an entry, of this round or a later one. */
  #nextDue(): number {
    for (let step = 1; step <= slotCount; step++) {
      if (this.#slots[(this.#tick + step) & slotMask] !== undefined) return this.#tick + step;
    }
    return this.#tick + slotCount;
  }
}

class WheelEntry implements WheelTimer {
  #wheel: TimerWheel | undefined;
  readonly due: number;
  readonly target: WheelTarget;
  previous: WheelEntry | undefined = undefined;
  next: WheelEntry | undefined = undefined;

  constructor(wheel: TimerWheel, due: number, target: WheelTarget) {
    this.#wheel = wheel;
    this.due = due;
    this.target = target;
  }

  cancel(): void {
    this.take();
  }

  /** Takes itself off; false when that has been done before. */
  take(): boolean {
    const wheel = this.#wheel;
    if (wheel === undefined) return false;
    this.#wheel = undefined;
    wheel.remove(this);
    return true;
  }
}

/** Milliseconds: the accuracy of a time limit. */
const tickLength = 8;
const slotCount = 512;
const slotMask = slotCount - 1;
const noTimer: WheelTimer = { cancel() {} };
