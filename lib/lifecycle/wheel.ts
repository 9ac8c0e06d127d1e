import { afterUse } from "./tick.ts";
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
 * A target that lies on the wheel itself, with one deadline at a time and no object besides: there is one of it for every
 * operation. The fields are the wheel's; they begin with 0 and undefined.
 */
export interface WheelNode extends WheelTarget {
  /** The tick of its deadline, 0 for none. */
  due: number;
  earlier: WheelNode | undefined;
  later: WheelNode | undefined;
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
  readonly #slots: (WheelNode | undefined)[] = new Array(slotCount).fill(undefined);
  #size = 0;
  #origin = 0;
  /** The last tick whose slot has been visited. */
  #tick = 0;
  #wake = Infinity;
  #leaving = false;
  /** How often the last deadline has gone. */
  #uses = 0;
  #handle: ReturnType<typeof setTimeout> | undefined = undefined;

  /** Deadlines that are set. */
  get size(): number {
    return this.#size;
  }

  /** Sets a deadline `delay` milliseconds from now; `Infinity` sets none. */
  add(delay: number, target: WheelTarget): WheelTimer {
    if (delay === Infinity) return noTimer;
    const entry = new WheelEntry(this, target);
    this.set(entry, delay);
    return entry;
  }

  /** The same for one that is on no wheel. `since`: not from now on, but from a time that the caller has looked at before. */
  set(node: WheelNode, delay: number, since?: number): void {
    if (delay === Infinity) return;
    const time = since ?? now();
    if (this.#size === 0 && this.#handle === undefined) {
      this.#origin = time;
      this.#tick = 0;
    }
    const due = Math.max(this.#tick + 1, Math.ceil((time - this.#origin + Math.max(0, delay)) / tickLength));
    const slot = due & slotMask;
    const head = this.#slots[slot];
    if (head !== undefined) {
      node.later = head;
      head.earlier = node;
    }
    node.due = due;
    this.#slots[slot] = node;
    this.#size++;
    if (due < this.#wake) this.#arm(due, since === undefined ? time : now());
  }

  /** Takes the deadline back, if there is one. */
  clear(node: WheelNode): void {
    if (node.due === 0) return;
    const { earlier, later } = node;
    if (earlier === undefined) this.#slots[node.due & slotMask] = later;
    else earlier.later = later;
    if (later !== undefined) later.earlier = earlier;
    node.due = 0;
    node.earlier = node.later = undefined;
    // Operations that follow one another keep the timer: setting and clearing it costs more than they do.
    if (--this.#size === 0 && !this.#leaving) {
      this.#leaving = true;
      afterUse(this.#uses++, leave, this);
    }
  }

  #arm(due: number, time: number): void {
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#wake = due;
    const delay = Math.ceil(this.#origin + due * tickLength - time);
    // A turn that finds nothing due sets the next timer: a deadline beyond what `setTimeout` keeps needs no more.
    this.#handle = setTimeout(this.#turn, Math.min(Math.max(0, delay), longestDelay));
  }

  /** Called when the last deadline has gone, a little later. */
  leave(): void {
    this.#leaving = false;
    if (this.#size > 0) return;
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#wake = Infinity;
  }

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
    let due: WheelNode[] | undefined;
    for (let node = this.#slots[slot]; node !== undefined; node = node.later) {
      if (node.due <= reached) (due ??= []).push(node);
    }
    if (due === undefined) return;
    for (let i = due.length - 1; i >= 0; i--) {
      const node = due[i]!;
      // One before it may have taken its deadline back, or set another.
      if (node.due === 0 || node.due > reached) continue;
      this.clear(node);
      node.onDeadline();
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

function leave(wheel: TimerWheel): void {
  wheel.leave();
}

/** Puts a target that is no node onto a wheel. */
class WheelEntry implements WheelTimer, WheelNode {
  readonly #wheel: TimerWheel;
  readonly #target: WheelTarget;
  due = 0;
  earlier: WheelNode | undefined = undefined;
  later: WheelNode | undefined = undefined;

  constructor(wheel: TimerWheel, target: WheelTarget) {
    this.#wheel = wheel;
    this.#target = target;
  }

  onDeadline(): void {
    this.#target.onDeadline();
  }

  cancel(): void {
    this.#wheel.clear(this);
  }
}

/** Milliseconds: the accuracy of a time limit. */
const tickLength = 8;
const slotCount = 512;
const slotMask = slotCount - 1;
const noTimer: WheelTimer = { cancel() {} };
