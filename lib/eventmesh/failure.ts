import { ConnectionLostError, PeerError, type ProtocolError } from "../errors.ts";
import { OPStatus, type Packet } from "./wire/mod.ts";

/** What the runtime says when the same operation may succeed a little later. */
const busy = /SEND_TOO_FAST|Tps overload|RejectedExecutionException|session will be closed/;

/**
 * What a server said no with, before anybody knows to which operation: {@linkcode explain} names it. It never leaves this
 * folder, so whatever else an operation rejects with is not one of these.
 */
export class Refusal extends PeerError {}

/** The refusal in an answer. */
export function refusalOf(packet: Packet): Refusal {
  const { name, code, description } = packet;
  const transient = code === OPStatus.TPS_OVERLOAD || busy.test(description ?? "");
  return new Refusal(`the server answered ${name} with status ${code}${wordsOf(description)}`, {
    status: code,
    description,
    transient,
  });
}

/** The names of Java classes that a runtime puts before the words of an exception, as in `java.lang.Exception: no session`. */
const javaClasses = /^(?:(?:[a-z_]\w*\.)+(?:[A-Z][\w$]*)?(?:Exception|Error|Throwable): *)+(?=\S)/;

/** What the server says, for the end of a message. */
export function wordsOf(description: string | undefined): string {
  return description === undefined || description === "" ? "" : `: ${description.replace(javaClasses, "")}`;
}

/** The answer is there and cannot be read: that is its outcome. */
export function unreadable(packet: Packet, error: ProtocolError | Error): Refusal {
  return new Refusal(`${packet.name} cannot be read: ${error.message}`, {
    status: packet.code,
    cause: error,
  });
}

/** The error as the caller of an operation gets it: a refusal says what was refused, everything else is left as it is. */
export function explain(error: unknown, action: string): unknown {
  if (!(error instanceof Refusal)) return error;
  const { status, description, transient, cause } = error;
  return new PeerError(`Cannot ${action}: ${error.message}`, {
    status,
    description,
    transient,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The one cause that all operations of a lost connection share. */
export function lossOf(error: Error | undefined, server: string): ConnectionLostError {
  if (error instanceof ConnectionLostError) return error;
  const cause = error === undefined ? {} : { cause: error };
  return new ConnectionLostError(`The connection to ${server} was lost: ${whyOf(error)}`, {
    outcome: "unknown",
    ...cause,
  });
}

/** Why a transport is gone, in words. */
export function whyOf(error: Error | undefined): string {
  return error === undefined ? "the server ended it" : error.message;
}
