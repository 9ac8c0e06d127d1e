/**
 * A signal that is made when somebody asks for it, and then is as if it had been there all the time. Most endpoints of a
 * server live and end without anybody asking, and a signal with its controller weighs more than all the rest of one.
 */
export class LateSignal {
  #controller: AbortController | undefined = undefined;
  #aborted = false;
  #reason: unknown = undefined;

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  /** What it was aborted with. */
  get reason(): unknown {
    return this.#reason;
  }

  /** The first one counts. `undefined` is no reason that a signal can carry. */
  abort(reason: unknown): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
  }
}
