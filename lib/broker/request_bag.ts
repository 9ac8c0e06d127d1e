import type { Request } from "./request.ts";

/**
 * Requests that have something in common, and each knows its place: adding and removing one takes no search and leaves no
 * garbage. They are walked in the order they came.
 */
export class RequestBag implements Iterable<Request> {
  readonly #list: Request[] = [];
  /** They stand in the order they came. */
  #ordered = true;
  readonly #place: "atAsker" | "atTopic";

  constructor(place: "atAsker" | "atTopic") {
    this.#place = place;
  }

  get size(): number {
    return this.#list.length;
  }

  add(request: Request): void {
    request[this.#place] = this.#list.push(request) - 1;
  }

  remove(request: Request): void {
    const place = this.#place;
    const at = request[place];
    const last = this.#list.pop()!;
    if (last === request) return;
    this.#list[at] = last;
    last[place] = at;
    this.#ordered = false;
  }

  /** All that are there now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): IterableIterator<Request> {
    const list = this.#list;
    if (!this.#ordered) {
      list.sort((one, other) => one.number - other.number);
      for (let at = 0; at < list.length; at++) list[at]![this.#place] = at;
      this.#ordered = true;
    }
    return list.slice().values();
  }
}
