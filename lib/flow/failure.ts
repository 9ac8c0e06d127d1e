import { ConnectionLostError, OverflowError, type SendOutcome } from "../errors.ts";

/** The error of an operation that has, or had, no connection. */
export function lostError(action: string, outcome: SendOutcome, cause: unknown): ConnectionLostError {
  const why = cause === undefined ? "there is no connection" : "the connection was lost";
  return new ConnectionLostError(`Cannot ${action}: ${why}`, {
    outcome,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The error of an operation that is one too many. */
export function overflowError(action: string, capacity: number): OverflowError {
  return new OverflowError(`Cannot ${action}: ${capacity} others wait, no more may`, { capacity });
}
