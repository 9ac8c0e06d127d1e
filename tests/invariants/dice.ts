/** Random choices that a seed decides: the same seed, the same choices. */
export class Dice {
  readonly seed: number;
  #state: number;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0;
  }

  /** From 0 to below 1. The mulberry32 generator. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of a list that has any. */
  pick<T>(list: Iterable<T>): T {
    const choices = [...list];
    return choices[this.below(choices.length)]!;
  }
}

/** Runs a body with a seed; its failure says which one, and the back-off of the library goes by the dice, too. */
export async function seeded(seed: number, body: (dice: Dice) => Promise<void>): Promise<void> {
  const { random } = Math;
  const jitter = new Dice(-seed);
  Math.random = () => jitter.next();
  try {
    await body(new Dice(seed));
  } catch (error) {
    if (error instanceof Error) error.message = `With seed ${seed}: ${error.message}`;
    throw error;
  } finally {
    Math.random = random;
  }
}
