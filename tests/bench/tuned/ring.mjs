/** What waits under numbers that are given out one after the other: at the place that the last bits of the number tell. */
export class Ring {
  #numbers = new Float64Array(1_024).fill(-1);
  #values = new Array(1_024).fill(undefined);

  set(number, value) {
    const slot = number & (this.#values.length - 1);
    if (this.#values[slot] !== undefined) {
      this.#grow();
      return this.set(number, value);
    }
    this.#numbers[slot] = number;
    this.#values[slot] = value;
  }

  /** Takes out what waits under a number; undefined when nothing does. */
  take(number) {
    const slot = number & (this.#values.length - 1);
    if (this.#numbers[slot] !== number) return undefined;
    const value = this.#values[slot];
    this.#values[slot] = undefined;
    return value;
  }

  #grow() {
    const [numbers, values] = [this.#numbers, this.#values];
    this.#numbers = new Float64Array(values.length * 2).fill(-1);
    this.#values = new Array(values.length * 2).fill(undefined);
    values.forEach((value, slot) => {
      if (value !== undefined) this.set(numbers[slot], value);
    });
  }
}
