import type { Request } from "./request.ts";

/**
 * Requests that have something in common, and each knows its place: adding and removing one takes no search and leaves no
 * garbage. They are walked in the order they came.
 */
export class RequestBag implements Iterable<Request> {
  readonly #list: Request[] = [];
  /** They stand in the order they came. */
  #ordered = true;
  readonly #place: BagPlace;

  constructor(place: BagPlace) {
    this.#place = place;
  }

  get size(): number {
    return this.#list.length;
  }

  add(request: Request): void {
    this.#put(request, this.#list.push(request) - 1);
  }

  remove(request: Request): void {
    const at = this.#placeOf(request);
    const last = this.#list.pop()!;
    if (last === request) return;
    this.#list[at] = last;
    this.#put(last, at);
    this.#ordered = false;
  }

  /** All that are there now, whatever becomes of them meanwhile. */
  [Symbol.iterator](): IterableIterator<Request> {
    const list = this.#list;
    if (!this.#ordered) {
      list.sort((one, other) => one.number - other.number);
      for (let at = 0; at < list.length; at++) this.#put(list[at]!, at);
      this.#ordered = true;
    }
    return list.slice().values();
  }

  // By their names: a field whose name is computed is looked for in a table each time.
  #placeOf(request: Request): number {
    return this.#place === "atAsker" ? request.atAsker : request.atTopic;
  }

  #put(request: Request, at: number): void {
    if (this.#place === "atAsker") request.atAsker = at;
    else request.atTopic = at;
  }
}

/** Where a request keeps its place in a bag. */
export type BagPlace = "atAsker" | "atTopic";
