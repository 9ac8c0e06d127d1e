/** The error of a handler that threw: it ends the stream it was called for, never the process. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error
    ? thrown
    : new Error(`The handler threw ${String(thrown)}`, { cause: thrown });
}
