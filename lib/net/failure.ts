import { ConnectError } from "../errors.ts";

/** Says what was tried, where, and why it failed; several causes become one AggregateError. */
export function connectError(action: string, address: string, errors: readonly Error[]): ConnectError {
  const reasons = [...new Set(errors.map(reasonOf))].join("; ");
  const cause = errors.length === 1 ? errors[0] : new AggregateError(errors, reasons);
  return new ConnectError(`Cannot ${action} ${address}: ${reasons}`, { cause, address });
}

/** OpenSSL puts a line of internals into the message and the useful words into `reason`. */
function reasonOf(error: Error): string {
  const reason = "reason" in error ? error.reason : undefined;
  return typeof reason === "string" && reason !== "" ? reason : error.message || error.name;
}
