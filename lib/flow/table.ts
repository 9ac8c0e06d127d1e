/**
 * Finds what a reply belongs to: a ring of slots addressed by sequence number, with a map for the few that meet in one
 * slot. Sequence numbers are positive integers, given out in rising order and never twice.
 *
 * ```
 *   slot = seq & mask      | 64 | 65 |  2 | 67 | ...    a slot is free, or holds one seq;
 *                                 \                     a seq that finds its slot taken goes to the overflow
 * ```
 */
export class SequenceTable<T> {
  readonly #keys: Float64Array;
  readonly #values: (T | undefined)[];
  readonly #mask: number;
  readonly #overflow: Map<number, T> = new Map();
  #size = 0;

  /** `capacity` is rounded up to a power of two; more than that may be held, only slower. */
  constructor(capacity = 1_024) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#keys = new Float64Array(slots);
    this.#values = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  get size(): number {
    return this.#size;
  }

  set(seq: number, value: T): void {
    const slot = seq & this.#mask;
    this.#size++;
    if (this.#keys[slot] === 0) {
      this.#keys[slot] = seq;
      this.#values[slot] = value;
    } else {
      this.#overflow.set(seq, value);
    }
  }

  get(seq: number): T | undefined {
    const slot = seq & this.#mask;
    return this.#keys[slot] === seq ? this.#values[slot] : this.#overflow.get(seq);
  }

  /** Takes the value out. */
  take(seq: number): T | undefined {
    const slot = seq & this.#mask;
    if (this.#keys[slot] === seq && seq !== 0) {
      const value = this.#values[slot];
      this.#keys[slot] = 0;
      this.#values[slot] = undefined;
      this.#size--;
      return value;
    }
    const value = this.#overflow.get(seq);
    if (this.#overflow.delete(seq)) this.#size--;
    return value;
  }

  /** A held value that is like that. Looks at all slots: for cold paths. */
  find(matches: (value: T) => boolean): T | undefined {
    if (this.#size === 0) return undefined;
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#keys[slot] !== 0 && matches(this.#values[slot]!)) return this.#values[slot];
    }
    return [...this.#overflow.values()].find(matches);
  }

  /** Whether one of the held values is like that. */
  some(matches: (value: T) => boolean): boolean {
    return this.find(matches) !== undefined;
  }

  /** All that is held, in the order of the sequence numbers; the table is empty afterwards. */
  drain(): T[] {
    const held: [number, T][] = [...this.#overflow];
    for (let slot = 0; slot <= this.#mask; slot++) {
      if (this.#keys[slot] !== 0) held.push([this.#keys[slot]!, this.#values[slot]!]);
    }
    this.#keys.fill(0);
    this.#values.fill(undefined);
    this.#overflow.clear();
    this.#size = 0;
    return held.sort(([one], [other]) => one - other).map(([, value]) => value);
  }
}
