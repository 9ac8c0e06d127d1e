import * as v from "valibot";
import type { BackoffOptions } from "../flow/backoff.ts";
import type { SubmitOptions } from "../flow/operation.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import type { PublishOptions } from "../messaging/connection.ts";
import { systemNetwork } from "../net/system.ts";
import type { Network, TlsConnectOptions } from "../net/transport.ts";
import type { NatsSubscribeOptions } from "./api.ts";
import { show } from "./show.ts";
import type { ParsedUrls } from "./url.ts";

/** Options of {@linkcode connect}. Durations are milliseconds. They are copied, never changed. */
export interface NatsOptions extends AbortOptions {
  /**
   * Bounds the call: connecting and hello, over all servers of the list. A server of a list that does not answer gets its
   * share of it, 5 s at most. @default {20_000}
   */
  readonly timeout?: number | undefined;
  /** Name of the client, in the server's monitoring. @default {"gracewire"} */
  readonly name?: string | undefined;
  /** Also in the URL. */
  readonly user?: string | undefined;
  readonly pass?: string | undefined;
  /** Also in the URL. */
  readonly token?: string | undefined;
  /** Seed of an nkey. */
  readonly nkey?: string | Uint8Array | undefined;
  /** A user JWT; its seed is `nkey`. */
  readonly jwt?: string | undefined;
  /** Contents of a credentials file. */
  readonly creds?: string | Uint8Array | undefined;
  /** Makes the credentials of each attempt to connect, from the nonce of the server; as those of the official client. */
  readonly authenticator?: NatsAuthenticator | readonly NatsAuthenticator[] | undefined;
  /** TLS settings. With them, as with scheme `nats+tls:`, a server without TLS is refused. */
  readonly tls?: NatsTlsOptions | undefined;
  /** Publishes that may be unconfirmed at a time. @default {Infinity} */
  readonly window?: number | undefined;
  /** Bytes that may be unconfirmed at a time. @default {8_388_608} */
  readonly windowBytes?: number | undefined;
  /** Milliseconds between heartbeats; `Infinity` for none. @default {20_000} */
  readonly heartbeat?: number | undefined;
  /** Heartbeats that may stay unanswered before the server counts as dead. @default {2} */
  readonly missedHeartbeats?: number | undefined;
  /** How to come back after a loss; false ends the connection instead. @default {{}} */
  readonly reconnect?: false | NatsReconnectOptions | undefined;
  /** Whether servers of the cluster that are not in the list are used too. @default {true} */
  readonly discover?: boolean | undefined;
  /** Whether subscriptions that share this connection get what it publishes itself. @default {true} */
  readonly echo?: boolean | undefined;
  /** What a request does that nobody is subscribed to: reject at once, or wait for its timeout. @default {"fail"} */
  readonly noResponders?: "fail" | "wait" | undefined;
  /** First tokens of the subjects that replies come to. @default {"_INBOX"} */
  readonly inboxPrefix?: string | undefined;
  /** Where connections are made: the system's sockets, or a network in memory. @default {systemNetwork()} */
  readonly network?: Network | undefined;
}

/** Makes credentials; what it throws fails the attempt to connect. */
export type NatsAuthenticator = (nonce?: string) => object | void;

/** TLS settings of a NATS client; PEM texts. */
export interface NatsTlsOptions extends TlsConnectOptions {
  /** TLS from the first byte: the server must have it configured too. @default {false} */
  readonly handshakeFirst?: boolean | undefined;
}

/** How a connection comes back after a loss. */
export interface NatsReconnectOptions extends BackoffOptions {
  /** Failed attempts in a row before the connection is given up. @default {Infinity} */
  readonly attempts?: number | undefined;
  /** Milliseconds for one attempt. @default {5_000} */
  readonly timeout?: number | undefined;
}

/** Complete and checked options. */
export interface ResolvedOptions {
  readonly timeout: number;
  readonly name: string;
  readonly auth: Pick<
    NatsOptions,
    "user" | "pass" | "token" | "nkey" | "jwt" | "creds" | "authenticator"
  >;
  /** Undefined: TLS only where the server demands it. */
  readonly tls: NatsTlsOptions | undefined;
  readonly window: number;
  readonly windowBytes: number;
  readonly heartbeat: number;
  readonly missedHeartbeats: number;
  readonly reconnect: false | NatsReconnectOptions;
  readonly discover: boolean;
  readonly echo: boolean;
  readonly noResponders: "fail" | "wait";
  readonly inboxPrefix: string;
  readonly network: Network;
}

const milliseconds = "a number of milliseconds from 0";
const duration = v.pipe(v.number(milliseconds), v.minValue(0, milliseconds));
const wholeFromOne = "a whole number from 1, or Infinity";
const count = v.pipe(
  v.number(wholeFromOne),
  v.check((value) => value === Infinity || Number.isInteger(value) && value >= 1, wholeFromOne),
);
const text = v.string("a string");
const flag = v.boolean("true or false");
const subject = "a subject without wildcards";
const bytesOrText = v.union([v.string(), v.instance(Uint8Array)], "text or bytes");
const part = v.pipe(
  v.number("a number from 0 to 1"),
  v.minValue(0, "a number from 0 to 1"),
  v.maxValue(1, "a number from 0 to 1"),
);
const authenticator = "a function, or a list of them";

const reconnect = v.object({
  min: v.optional(duration),
  max: v.optional(duration),
  factor: v.optional(v.pipe(v.number("a number from 1"), v.minValue(1, "a number from 1"))),
  jitter: v.optional(part),
  attempts: v.optional(count),
  timeout: v.optional(duration),
}, "false, or an object with min, max, factor, jitter, attempts and timeout");

const schema = v.object({
  timeout: v.optional(duration, 20_000),
  name: v.optional(text, "gracewire"),
  user: v.optional(text),
  pass: v.optional(text),
  token: v.optional(text),
  nkey: v.optional(bytesOrText),
  jwt: v.optional(text),
  creds: v.optional(bytesOrText),
  authenticator: v.optional(
    v.union([v.function(), v.array(v.function())], authenticator),
  ),
  tls: v.optional(
    v.looseObject({}, "an object with ca, cert, key, servername, rejectUnauthorized or handshakeFirst"),
  ),
  window: v.optional(count, Infinity),
  windowBytes: v.optional(count, 8 * 1_024 * 1_024),
  heartbeat: v.optional(
    v.pipe(v.number("a number of milliseconds from 1"), v.minValue(1, "a number of milliseconds from 1")),
    20_000,
  ),
  missedHeartbeats: v.optional(count, 2),
  reconnect: v.optional(v.lazy((value) => value === false ? v.literal(false) : reconnect), {}),
  discover: v.optional(flag, true),
  echo: v.optional(flag, true),
  noResponders: v.optional(v.picklist(["fail", "wait"], '"fail" or "wait"'), "fail"),
  inboxPrefix: v.optional(
    v.pipe(v.string(subject), v.regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, subject)),
    "_INBOX",
  ),
});

/**
 * Fills in the defaults. What a URL says goes before the options.
 *
 * @throws {TypeError | RangeError} naming the option, what was given and what is wanted.
 */
export function resolveOptions(options: NatsOptions, parsed: ParsedUrls): ResolvedOptions {
  checkObject(options);
  checkSignal(options.signal);
  const { signal: _signal, network = systemNetwork(), ...rest } = options;
  if (typeof network?.dial !== "function") {
    throw wrong("network", "a network, such as systemNetwork()", network);
  }
  const { user, pass, token } = parsed;
  const given = Object.fromEntries(
    [...Object.entries(rest), ...Object.entries({ user, pass, token })].filter(([, value]) =>
      value !== undefined
    ),
  );
  const checked = check(schema, given);
  const tls = checked.tls as NatsTlsOptions | undefined;
  return {
    timeout: checked.timeout,
    name: checked.name,
    auth: {
      user: checked.user,
      pass: checked.pass,
      token: checked.token,
      nkey: checked.nkey,
      jwt: checked.jwt,
      creds: checked.creds,
      authenticator: checked.authenticator as NatsOptions["authenticator"],
    },
    tls: tls === undefined ? parsed.tls ? {} : undefined : { ...tls },
    window: checked.window,
    windowBytes: checked.windowBytes,
    heartbeat: checked.heartbeat,
    missedHeartbeats: checked.missedHeartbeats,
    reconnect: checked.reconnect,
    discover: checked.discover,
    echo: checked.echo,
    noResponders: checked.noResponders,
    inboxPrefix: checked.inboxPrefix,
    network,
  };
}

/** What a caller of `publish`, `request` or `ping` asks for. By hand: this runs once per message. */
export function resolveOperation(options: PublishOptions, defaultTimeout: number): SubmitOptions {
  checkObject(options);
  const { signal, timeout = defaultTimeout, retry, offline } = options;
  checkSignal(signal);
  checkDuration("timeout", timeout);
  if (retry !== undefined && retry !== "never" && retry !== "unknown") {
    throw wrong("retry", '"never" or "unknown"', retry);
  }
  if (offline !== undefined && offline !== "wait" && offline !== "fail") {
    throw wrong("offline", '"wait" or "fail"', offline);
  }
  return { signal, timeout, retry, offline };
}

/** What a caller of `subscribe` asks for, beside the buffer. */
export function resolveSubscribe(
  options: NatsSubscribeOptions,
): { timeout: number; queue: string | undefined } {
  checkObject(options);
  checkSignal(options.signal);
  const { timeout = 20_000, queue } = options;
  checkDuration("timeout", timeout);
  if (queue !== undefined && (typeof queue !== "string" || !/^\S+$/.test(queue))) {
    throw wrong("queue", "a name without white space", queue);
  }
  return { timeout, queue };
}

export function checkObject(options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new TypeError(`Cannot use the options: expected an object, got ${show(options)}`);
}

export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrong("signal", "an AbortSignal", signal);
  }
}

export function wrong(option: string, wanted: string, given: unknown): TypeError {
  const got = secrets.has(option) ? `a ${typeof given}` : show(given);
  return new TypeError(`Cannot use option "${option}": expected ${wanted}, got ${got}`);
}

/** Options that are never shown. */
const secrets: ReadonlySet<string> = new Set(["pass", "token", "nkey", "jwt", "creds"]);

function check<T extends v.GenericSchema>(wanted: T, given: unknown): v.InferOutput<T> {
  const result = v.safeParse(wanted, given, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0]!;
  const error = wrong(v.getDotPath(issue) ?? "", issue.message, issue.input);
  throw issue.kind === "validation" && typeof issue.input === "number"
    ? new RangeError(error.message)
    : error;
}
