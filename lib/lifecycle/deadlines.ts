import process from "node:process";
import type { TimerWheel, WheelNode, WheelTarget } from "./wheel.ts";

/** A target that is in the list of its deadline itself. The fields are the list's; they begin with undefined. */
export interface DeadlineNode extends WheelTarget {
  deadline: Deadline | undefined;
  earlier: DeadlineNode | undefined;
  later: DeadlineNode | undefined;
}

/**
 * Deadlines of operations, of which many begin in one go with the same time limit: those of one tick share a place on the
 * wheel and a look at the clock, at the end of that tick. So no deadline comes early, and one that is set before a long
 * computation counts from its end, when what it is for leaves the process.
 */
export class Deadlines {
  readonly #wheel: TimerWheel;
  /** The one that is joined in this tick. */
  #open: Deadline | undefined = undefined;
  #closing = false;

  constructor(wheel: TimerWheel) {
    this.#wheel = wheel;
  }

  /** Sets a deadline `delay` milliseconds from the end of the tick for a node that has none; `Infinity` sets none. */
  set(node: DeadlineNode, delay: number): void {
    if (delay === Infinity) return;
    if (this.#open?.delay !== delay) this.#begin(delay);
    this.#open!.add(node);
  }

  /** Takes the deadline of a node back, if it has one. */
  clear(node: DeadlineNode): void {
    node.deadline?.remove(node);
  }

  #begin(delay: number): void {
    this.#close();
    this.#open = new Deadline(this.#wheel, delay);
    if (this.#closing) return;
    this.#closing = true;
    process.nextTick(endTick, this);
  }

  #close(): void {
    const open = this.#open;
    this.#open = undefined;
    open?.start();
  }

  /** The tick is over. */
  ended(): void {
    this.#closing = false;
    this.#close();
  }
}

function endTick(deadlines: Deadlines): void {
  deadlines.ended();
}

/** One deadline for all that joined it. */
class Deadline implements WheelNode {
  readonly delay: number;
  due = 0;
  earlier: WheelNode | undefined = undefined;
  later: WheelNode | undefined = undefined;
  readonly #wheel: TimerWheel;
  #first: DeadlineNode | undefined = undefined;
  #last: DeadlineNode | undefined = undefined;

  constructor(wheel: TimerWheel, delay: number) {
    this.#wheel = wheel;
    this.delay = delay;
  }

  add(node: DeadlineNode): void {
    const last = this.#last;
    node.deadline = this;
    if (last === undefined) {
      this.#first = node;
    } else {
      last.later = node;
      node.earlier = last;
    }
    this.#last = node;
  }

  remove(node: DeadlineNode): void {
    const { earlier, later } = node;
    if (earlier === undefined) this.#first = later;
    else earlier.later = later;
    if (later === undefined) this.#last = earlier;
    else later.earlier = earlier;
    node.deadline = node.earlier = node.later = undefined;
    if (this.#first === undefined) this.#wheel.clear(this);
  }

  /** Nobody joins any more: the time begins. */
  start(): void {
    if (this.#first !== undefined) this.#wheel.set(this, this.delay);
  }

  onDeadline(): void {
    // One may take back the deadline of another.
    for (let node = this.#first; node !== undefined; node = this.#first) {
      this.remove(node);
      node.onDeadline();
    }
  }
}
