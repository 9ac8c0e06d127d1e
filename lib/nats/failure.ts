import {
  AuthorizationError,
  type PermissionViolationError,
  ProtocolError as ServerError,
  UserAuthenticationExpiredError,
} from "@nats-io/nats-core/internal";
import { ConnectError, ConnectionLostError, PeerError } from "../errors.ts";

/** The status that a server sends where nobody is subscribed to a request. */
export const noResponders = 503;

/** The server does not let us in: other credentials are what it takes. One that found us too slow may do so the next time. */
function isRefusal(error: unknown): error is Error {
  if (error instanceof UserAuthenticationExpiredError) return true;
  return error instanceof AuthorizationError && !/authentication timeout/i.test(error.message);
}

/** The server's own words: it has sent them behind -ERR. */
function isSaid(error: unknown): error is Error {
  return error instanceof ServerError || error instanceof AuthorizationError ||
    error instanceof UserAuthenticationExpiredError;
}

/** Why an attempt to connect has failed, as its caller gets it. */
export function failureOf(error: unknown, server: string, signal: AbortSignal): unknown {
  if (signal.aborted && Object.is(error, signal.reason)) return error;
  const action = `connect to ${server}`;
  if (isRefusal(error)) {
    const { message: description } = error;
    return new PeerError(`Cannot ${action}: the server answered ${description}`, {
      status: 0,
      description,
      cause: error,
    });
  }
  if (error instanceof ConnectError) return error;
  const cause = error === undefined ? {} : { cause: error };
  return new ConnectError(`Cannot ${action}: ${whyOf(error)}`, { address: server, ...cause });
}

/** Why none of several servers has let us in: a refusal says more than that others did not answer. */
export function noneOf(address: string, errors: readonly Error[]): Error {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const refusal = errors.find((error) => error instanceof PeerError);
  if (refusal !== undefined) return refusal;
  const why = errors.map(({ message }) => message).join("; ");
  const cause = new AggregateError(errors, why);
  return new ConnectError(`Cannot connect to any of ${address}: ${why}`, { address, cause });
}

/** What the server does not allow. */
export function denialOf(error: PermissionViolationError, action: string): PeerError {
  const { message: description } = error;
  return new PeerError(`Cannot ${action}: the server answered ${description}`, {
    status: 0,
    description,
    cause: error,
  });
}

/** The one cause that all operations of a lost connection share. */
export function lossOf(error: unknown, server: string): ConnectionLostError {
  if (error instanceof ConnectionLostError) return error;
  const cause = error === undefined ? {} : { cause: error };
  return new ConnectionLostError(`The connection to ${server} was lost: ${whyOf(error)}`, {
    outcome: "unknown",
    ...cause,
  });
}

/** Why a transport is gone, in words. */
export function whyOf(error: unknown): string {
  if (error === undefined) return "the server ended it";
  if (isSaid(error)) return `the server said "${error.message}"`;
  return error instanceof Error ? error.message : String(error);
}
