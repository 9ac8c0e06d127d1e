import { isAt } from "./bytes.mjs";

/** What is kept for topics, found by the bytes of their names. */
export class Topics {
  #slots = new Array(64).fill(undefined);
  #size = 0;

  /** What is kept for the name at `start` to `end`; undefined when nothing is. */
  find(bytes, start, end) {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hash(bytes, start, end) & mask;; at = (at + 1) & mask) {
      const slot = slots[at];
      if (slot === undefined) return undefined;
      if (slot.name.length === end - start && isAt(bytes, start, slot.name)) return slot.value;
    }
  }

  /** What is kept for a name; made when nothing is. */
  open(name, make) {
    const found = this.find(name, 0, name.length);
    if (found !== undefined) return found;
    if (++this.#size > this.#slots.length / 2) this.#grow();
    const slot = { name, value: make() };
    this.#put(slot);
    return slot.value;
  }

  #put(slot) {
    const mask = this.#slots.length - 1;
    let at = hash(slot.name, 0, slot.name.length) & mask;
    while (this.#slots[at] !== undefined) at = (at + 1) & mask;
    this.#slots[at] = slot;
  }

  #grow() {
    const slots = this.#slots;
    this.#slots = new Array(slots.length * 2).fill(undefined);
    for (const slot of slots) if (slot !== undefined) this.#put(slot);
  }
}

function hash(bytes, start, end) {
  let value = 0x811c9dc5;
  for (let i = start; i < end; i++) value = Math.imul(value ^ bytes[i], 0x01000193);
  return value ^ (value >>> 15);
}
