/** A group, as long as it has sessions or anything is held for it. */
export interface Group {
  readonly name: string;
  /** Sessions that may subscribe. */
  sessions: number;
  /** Topics and purposes that it has a queue for. */
  lanes: number;
}

/** All groups. */
export class Groups implements Iterable<Group> {
  readonly #limit: number;
  readonly #byName: Map<string, Group> = new Map();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#byName.size;
  }

  get(name: string): Group | undefined {
    return this.#byName.get(name);
  }

  /** A session joins. False when there are too many groups. */
  enter(name: string): boolean {
    if (!this.#byName.has(name) && this.#byName.size >= this.#limit) return false;
    this.add(name, "sessions", 1);
    return true;
  }

  /** Counts, and forgets a group that has nothing left. */
  add(name: string, what: "sessions" | "lanes", change: 1 | -1): void {
    let group = this.#byName.get(name);
    if (group === undefined) this.#byName.set(name, group = { name, sessions: 0, lanes: 0 });
    group[what] += change;
    if (group.sessions === 0 && group.lanes === 0) this.#byName.delete(name);
  }

  [Symbol.iterator](): IterableIterator<Group> {
    return this.#byName.values();
  }
}
