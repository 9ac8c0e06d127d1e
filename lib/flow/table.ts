/**
 * Finds what a reply belongs to: a ring of slots addressed by sequence number, with a map for the few that meet in one
 * slot. Sequence numbers are positive integers, given out in rising order and never twice. The ring begins small, as most
 * tables of most connections stay nearly empty, and grows as soon as two would meet.
 *
 * ```
 *   slot = seq & mask      | 64 | 65 |  2 | 67 | ...    a slot is free, or holds one seq;
 *                                 \                     a seq that finds its slot taken goes to the overflow
 * ```
 */
export class SequenceTable<T> {
  readonly #capacity: number;
  #keys: Float64Array = new Float64Array(0);
  #values: (T | undefined)[] = [];
  #mask = 0;
  readonly #overflow: Map<number, T> = new Map();
  #size = 0;

  /** `capacity` of the ring is rounded up to a power of two; more than that may be held, only slower. */
  constructor(capacity = 1_024) {
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(2, capacity)));
    this.#lay(Math.min(fewest, this.#capacity));
  }

  get size(): number {
    return this.#size;
  }

  set(seq: number, value: T): void {
    while (this.#keys[seq & this.#mask] !== 0 && this.#keys.length < this.#capacity) this.#grow();
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

  #lay(slots: number): void {
    this.#keys = new Float64Array(slots);
    this.#values = new Array(slots).fill(undefined);
    this.#mask = slots - 1;
  }

  /** Twice as many slots: none of those who had one each meet in one. */
  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#lay(2 * keys.length);
    keys.forEach((key, slot) => {
      if (key === 0) return;
      this.#keys[key & this.#mask] = key;
      this.#values[key & this.#mask] = values[slot];
    });
  }
}

/** Slots at the begin: of as many V8 keeps the numbers with the object itself. */
const fewest = 8;
