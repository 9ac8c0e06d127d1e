/**
 * The whole failure vocabulary of gracewire on one page.
 *
 * Branch on {@linkcode GracewireError.code}: codes are stable, messages are for people. Mistakes of the caller
 * (a wrong type, a value out of range, an endpoint used in the wrong way) are plain `TypeError` and `RangeError`, thrown
 * or rejected before any side effect. An operation whose own signal aborts rejects with `signal.reason` itself, never
 * with a class of this page.
 *
 * @module
 */

/** Every code that an error of this library can carry. */
export type ErrorCode =
  | "ERR_CLOSED"
  | "ERR_CONNECT"
  | "ERR_CONNECTION_LOST"
  | "ERR_MESSAGE_TOO_LARGE"
  | "ERR_OVERFLOW"
  | "ERR_PEER"
  | "ERR_PROCESS_SIGNAL"
  | "ERR_PROTOCOL"
  | "ERR_TIMEOUT"
  | "ERR_UNSUPPORTED";

/**
 * What is known about an operation that did not get its confirmation.
 *
 * - `not-sent`: no byte of it was written, or a publish was refused each time since the peer was too busy; repeating it is safe.
 * - `unknown`: it was written, and the peer may or may not have carried it out.
 */
export type SendOutcome = "not-sent" | "unknown";

/** Base class of every error of this library. */
export class GracewireError extends Error {
  /** Stable identifier, meant for `switch`. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/**
 * An endpoint has ended, or is about to: the operation was refused, or was pending and could not be finished.
 * `cause` is the reason of that end, as given, when there is one.
 */
export class ClosedError extends GracewireError {
  /** The state the endpoint was in when the operation ended. */
  readonly state: string;
  /** Whether the operation had been written to the wire. */
  readonly outcome: SendOutcome;

  constructor(message: string, options: ErrorOptions & { state: string; outcome?: SendOutcome }) {
    super("ERR_CLOSED", message, options);
    this.state = options.state;
    this.outcome = options.outcome ?? "not-sent";
  }
}

/** No connection came about: refused, unreachable, cut during the handshake, or no server of the list answered. */
export class ConnectError extends GracewireError {
  /** The address that was tried, as text. */
  readonly address: string;

  constructor(message: string, options: ErrorOptions & { address: string }) {
    super("ERR_CONNECT", message, options);
    this.address = options.address;
  }
}

/**
 * The transport under an operation was lost. Every operation gets an error of its own; all of one loss share one `cause`.
 */
export class ConnectionLostError extends GracewireError {
  /** Whether the operation had been written to the wire. */
  readonly outcome: SendOutcome;

  constructor(message: string, options: ErrorOptions & { outcome: SendOutcome }) {
    super("ERR_CONNECTION_LOST", message, options);
    this.outcome = options.outcome;
  }
}

/** A message is larger than a limit and was refused before anything was sent. */
export class MessageTooLargeError extends GracewireError {
  /** Size of the message in the unit of the limit. */
  readonly size: number;
  /** The limit it exceeds, in bytes unless the message says otherwise. */
  readonly limit: number;

  constructor(message: string, options: ErrorOptions & { size: number; limit: number }) {
    super("ERR_MESSAGE_TOO_LARGE", message, options);
    this.size = options.size;
    this.limit = options.limit;
  }
}

/** A bounded buffer is full and its policy is to fail. */
export class OverflowError extends GracewireError {
  /** Capacity of the buffer in its own unit (messages or bytes, as the message says). */
  readonly capacity: number;

  constructor(message: string, options: ErrorOptions & { capacity: number }) {
    super("ERR_OVERFLOW", message, options);
    this.capacity = options.capacity;
  }
}

/** The peer understood the operation and said no. */
export class PeerError extends GracewireError {
  /** Status of the peer, as it is on the wire (EventMesh: 1 to 3). */
  readonly status: number;
  /** The peer's own words, as they came; may be empty. Opaque text: do not match on it. */
  readonly description: string;
  /** The peer is busy: the same operation may succeed a little later. */
  readonly transient: boolean;

  constructor(
    message: string,
    options: ErrorOptions & { status: number; description?: string | undefined; transient?: boolean },
  ) {
    super("ERR_PEER", message, options);
    this.status = options.status;
    this.description = options.description ?? "";
    this.transient = options.transient ?? false;
  }
}

/** The process got SIGINT or SIGTERM. It is the reason of the abort that `gracewire/process` makes of it. */
export class ProcessSignalError extends GracewireError {
  /** Name of the signal, such as `SIGINT`. */
  readonly signal: string;

  constructor(signal: string) {
    super("ERR_PROCESS_SIGNAL", `The process received ${signal}`);
    this.signal = signal;
  }
}

/** The peer sent bytes that are not of its protocol. The connection they came from is ended; nothing else is harmed. */
export class ProtocolError extends GracewireError {
  /** Offset of the first wrong byte, counted from the first byte of the frame. */
  readonly offset: number;

  constructor(message: string, options: ErrorOptions & { offset: number }) {
    super("ERR_PROTOCOL", message, options);
    this.offset = options.offset;
  }
}

/** A time limit of this library passed. A timeout signal of the caller keeps its own reason instead. */
export class TimeoutError extends GracewireError {
  /** The limit in milliseconds. */
  readonly timeout: number;
  /** Whether the operation had been written to the wire. */
  readonly outcome: SendOutcome;

  constructor(message: string, options: ErrorOptions & { timeout: number; outcome?: SendOutcome }) {
    super("ERR_TIMEOUT", message, options);
    this.timeout = options.timeout;
    this.outcome = options.outcome ?? "not-sent";
  }
}

/** What was asked for is not there: an unknown URL scheme, an optional package that is missing, a command of a newer peer. */
export class UnsupportedError extends GracewireError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_UNSUPPORTED", message, options);
  }
}

/** Every class of this page, for an exhaustive `switch` over `code`. */
export type AnyGracewireError =
  | ClosedError
  | ConnectError
  | ConnectionLostError
  | MessageTooLargeError
  | OverflowError
  | PeerError
  | ProcessSignalError
  | ProtocolError
  | TimeoutError
  | UnsupportedError;
