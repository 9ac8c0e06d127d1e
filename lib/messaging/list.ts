import type { DeliveredMessage } from "./message.ts";

/** Messages in the order they were added, in one list at a time; taking any of them out costs the same. */
export class MessageList {
  #first: DeliveredMessage | undefined = undefined;
  #last: DeliveredMessage | undefined = undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get first(): DeliveredMessage | undefined {
    return this.#first;
  }

  add(message: DeliveredMessage): void {
    message.previous = this.#last;
    if (this.#last === undefined) this.#first = message;
    else this.#last.next = message;
    this.#last = message;
    this.#length++;
  }

  /** Takes out the first. */
  shift(): DeliveredMessage | undefined {
    const message = this.#first;
    if (message !== undefined) this.remove(message);
    return message;
  }

  /** Takes a message out; false when it is not in the list. */
  remove(message: DeliveredMessage): boolean {
    const { previous, next } = message;
    if (previous === undefined && this.#first !== message) return false;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    message.previous = message.next = undefined;
    this.#length--;
    return true;
  }
}
