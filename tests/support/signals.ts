/** An abort with a book of the listeners on its signal. */
export interface CountedAbort {
  readonly signal: AbortSignal;
  abort(reason: unknown): void;
  /** Listeners that are on the signal. */
  listeners(): number;
}

/** Makes a signal that knows how many listeners it has: no runtime tells it of all ways in the same words. */
export function countedAbort(): CountedAbort {
  const controller = new AbortController();
  const { signal } = controller;
  const live = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: never, options?: { once?: boolean } | boolean): void => {
    live.add(listener);
    if (typeof options === "object" && options.once === true) add("abort", () => live.delete(listener));
    add(type, listener, options);
  };
  signal.removeEventListener = (
    type: string,
    listener: never,
    options?: EventListenerOptions | boolean,
  ): void => {
    live.delete(listener);
    remove(type, listener, options);
  };
  return { signal, abort: (reason) => controller.abort(reason), listeners: () => live.size };
}

/** Makes the reasons that an abort must carry as they are, each time anew. `abort(undefined)` makes an AbortError. */
export const abortReasons: readonly (() => unknown)[] = [
  () => new Error("an error of the user"),
  () => "a word",
  () => null,
  () => 0,
  () => Symbol("a symbol"),
  () => new DOMException("an abort of the user", "AbortError"),
  () => undefined,
];
