import { afterUse } from "./tick.ts";

/** Holds one callback on one signal; `unlink` takes it off and may be called any number of times. */
export interface AbortLink {
  unlink(): void;
}

/** Told once when the signal it is linked to aborts. It must not throw and must not run code of the user. */
export interface AbortTarget {
  onAbort(reason: unknown): void;
}

/**
 * A target that is in the list of its signal itself, with no object besides: there is one of it for every operation. The
 * fields are the list's; they begin with undefined.
 */
export interface AbortNode extends AbortTarget {
  fanOut: FanOut | undefined;
  linkedBefore: AbortNode | undefined;
  linkedAfter: AbortNode | undefined;
}

/**
 * Links a target to a signal. All targets of one signal share a single listener and a linked list, so that linking and
 * unlinking cost the same with one operation in flight as with 100,000 (`removeEventListener` is linear in every
 * runtime). The listener is taken off in the microtask after the last target has left; of a signal that one operation
 * after the other has been linked to, at the end of that tick.
 *
 * On a signal that has aborted already the target is told at once: check `signal.aborted` first to do nothing at all.
 */
export function linkAbort(signal: AbortSignal, target: AbortTarget): AbortLink {
  if (signal.aborted) {
    target.onAbort(signal.reason);
    return noLink;
  }
  const link = new Link(target);
  fanOutOf(signal).add(link);
  return link;
}

/**
 * Links nodes that are in no list to signals that have not aborted; {@linkcode leaveSignal} takes them off. Most have the
 * signal of the one before: its list is at hand.
 */
export class SignalJoiner {
  #last: FanOut | undefined = undefined;

  join(signal: AbortSignal, node: AbortNode): void {
    if (this.#last?.signal === signal) return this.#last.add(node);
    const fanOut = fanOutOf(signal);
    // Not where each has a signal of its own.
    if (fanOut.known) this.#keep(fanOut);
    fanOut.add(node);
  }

  #keep(fanOut: FanOut): void {
    this.#last?.drop(this);
    this.#last = fanOut;
    fanOut.keep(this);
  }

  /** Nothing is linked to the signal any more: whoever made it decides how long it lives. */
  forget(): void {
    this.#last = undefined;
  }
}

/** Takes a node off the list it is in, if it is in one. */
export function leaveSignal(node: AbortNode): void {
  node.fanOut?.remove(node);
}

/** Like {@linkcode linkAbort} with a function, for cold paths. */
export function onAbort(signal: AbortSignal, callback: (reason: unknown) => void): AbortLink {
  return linkAbort(signal, { onAbort: callback });
}

/**
 * Waits for a promise no longer than the signal allows: rejects with `signal.reason` itself on an abort. The promise
 * goes on; what it does later is ignored.
 */
export function abortable<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return Promise.resolve(promise);
  return new Promise<T>((resolve, reject) => {
    const link = onAbort(signal, reject);
    // Not `promise.then`: that of a foreign thenable may throw, and the link would stay.
    Promise.resolve(promise).then(
      (value) => {
        link.unlink();
        resolve(value);
      },
      (error: unknown) => {
        link.unlink();
        reject(error);
      },
    );
  });
}

const noLink: AbortLink = { unlink() {} };

/** The one exception to "no global state": it is keyed by the user's own signals and dies with them. */
const fanOuts: WeakMap<AbortSignal, FanOut> = new WeakMap();

function fanOutOf(signal: AbortSignal): FanOut {
  let fanOut = fanOuts.get(signal);
  if (fanOut === undefined) {
    fanOut = new FanOut(signal);
    fanOuts.set(signal, fanOut);
  }
  return fanOut;
}

/** Puts a target that is no node into the list of a signal. */
class Link implements AbortLink, AbortNode {
  readonly #target: AbortTarget;
  fanOut: FanOut | undefined = undefined;
  linkedBefore: AbortNode | undefined = undefined;
  linkedAfter: AbortNode | undefined = undefined;

  constructor(target: AbortTarget) {
    this.#target = target;
  }

  onAbort(reason: unknown): void {
    this.#target.onAbort(reason);
  }

  unlink(): void {
    leaveSignal(this);
  }
}

/** All that is linked to one signal. */
class FanOut {
  readonly signal: AbortSignal;
  /** Who has this at hand. */
  #joiners: Set<SignalJoiner> | undefined = undefined;
  #head: AbortNode | undefined = undefined;
  #tail: AbortNode | undefined = undefined;
  #listening = false;
  #leaving = false;
  /** How often the last target has left. */
  #uses = 0;

  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  /** Something is linked, or was before. */
  get known(): boolean {
    return this.#head !== undefined || this.#uses > 0;
  }

  keep(joiner: SignalJoiner): void {
    this.#joiners ??= new Set();
    this.#joiners.add(joiner);
  }

  drop(joiner: SignalJoiner): void {
    this.#joiners?.delete(joiner);
  }

  add(node: AbortNode): void {
    node.fanOut = this;
    const tail = this.#tail;
    if (tail === undefined) {
      this.#head = node;
    } else {
      tail.linkedAfter = node;
      node.linkedBefore = tail;
    }
    this.#tail = node;
    if (!this.#listening) {
      this.#listening = true;
      this.signal.addEventListener("abort", this.#dispatch);
    }
  }

  remove(node: AbortNode): void {
    const { linkedBefore: before, linkedAfter: after } = node;
    if (before === undefined) this.#head = after;
    else before.linkedAfter = after;
    if (after === undefined) this.#tail = before;
    else after.linkedBefore = before;
    node.fanOut = node.linkedBefore = node.linkedAfter = undefined;
    // Operations that follow one another keep the listener: adding and removing it costs more than they do.
    if (this.#head === undefined && !this.#leaving) {
      this.#leaving = true;
      afterUse(this.#uses++, leave, this);
    }
  }

  leave(): void {
    this.#leaving = false;
    if (this.#head !== undefined || !this.#listening) return;
    this.#listening = false;
    this.signal.removeEventListener("abort", this.#dispatch);
    if (this.#joiners === undefined) return;
    for (const joiner of this.#joiners) joiner.forget();
    this.#joiners = undefined;
  }

  readonly #dispatch = (): void => {
    const reason: unknown = this.signal.reason;
    for (let node = this.#head; node !== undefined; node = this.#head) {
      this.remove(node);
      node.onAbort(reason);
    }
  };
}

function leave(fanOut: FanOut): void {
  fanOut.leave();
}
