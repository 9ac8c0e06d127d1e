/**
 * What the broker says when it refuses. SDKs know these words, those of the runtime of Apache EventMesh where it has a
 * refusal of the kind; an SDK that tells a passing refusal from a lasting one goes by them.
 */

/** The group, or the requests, cannot take more for now. */
export const BUSY: string = "java.lang.Exception: SEND_TOO_FAST";

/** The broker as a whole cannot take more for now. */
export const OVERLOAD: string = "Tps overload, global flow control";

/** The session, or the broker, is about to end. */
export const CLOSING: string =
  "java.lang.Exception: this eventMesh tcp session will be closed, may be reboot or version change!";

export const NO_SESSION: string = "java.lang.Exception: no session is found";
export const NOT_A_SUBSCRIBER: string = "java.lang.Exception: client purpose config is not sub";
export const NO_REGISTRY: string = "java.lang.Exception: registry enable config is false, not support";
export const UNHANDLED: string = "java.lang.NullPointerException";
export const QUIT: string = "graceful normal quit from eventmesh";

/** A message is larger than the broker takes. */
export function tooLarge(limit: number): string {
  return `java.lang.Exception: event size exceeds the limit: ${limit}`;
}

/** Something that must be there is not. */
export function missing(what: string): string {
  return `java.lang.NullPointerException: ${what} is missing`;
}

/** A property that no event can have. */
export function abnormalProperty(name: string): string {
  return `org.apache.eventmesh.protocol.api.exception.ProtocolHandleException: Abnormal propKey: ${
    name.slice(0, 64)
  }`;
}

/** A refusal that the runtime has no words for. */
export function refused(why: string): string {
  return `java.lang.Exception: ${why}`;
}
