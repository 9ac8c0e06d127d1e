import * as v from "valibot";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import { checkNames } from "../lifecycle/option.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import {
  checkObject,
  checkOptions,
  checkSignal,
  count,
  duration,
  flag,
  interval,
  reconnect,
  type ReconnectOptions,
  subscribeNames,
  text,
  tlsWith,
  wrong,
} from "../messaging/option.ts";
import { systemNetwork } from "../net/system.ts";
import type { Network, TlsConnectOptions } from "../net/transport.ts";
import type { NatsSubscribeOptions } from "./api.ts";
import { maxInboxPrefix } from "./subject.ts";
import type { ParsedUrls } from "./url.ts";

/**
 * Options of {@linkcode connect}. Durations are milliseconds. They are copied, bytes included, and never changed; one that
 * there is not is a TypeError.
 */
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
  /**
   * Publishes that may wait for their turn at a time, beyond the window or while there is no connection, and as many
   * requests; more are refused with an OverflowError. @default {100_000}
   */
  readonly maxWaiting?: number | undefined;
  /** Bytes that may be unconfirmed at a time. @default {8_388_608} */
  readonly windowBytes?: number | undefined;
  /**
   * Milliseconds between heartbeats; `Infinity` for none: a server that is frozen is not noticed then, and `respond` waits
   * for it without bound. @default {20_000}
   */
  readonly heartbeat?: number | undefined;
  /** Heartbeats that may stay unanswered before the server counts as dead. @default {2} */
  readonly missedHeartbeats?: number | undefined;
  /** How to come back after a loss; false ends the connection instead. @default {{}} */
  readonly reconnect?: false | NatsReconnectOptions | undefined;
  /** Whether servers of the cluster that are not in the list are used too. @default {true} */
  readonly discover?: boolean | undefined;
  /** Whether subscriptions that share this connection get what it publishes itself. @default {true} */
  readonly echo?: boolean | undefined;
  /**
   * What `request` and `requestMany` do when nobody is subscribed: fail at once, or wait for their timeout.
   * @default {"fail"}
   */
  readonly noResponders?: "fail" | "wait" | undefined;
  /** First tokens of the subjects that replies come to. @default {"_INBOX"} */
  readonly inboxPrefix?: string | undefined;
  /** Where connections are made: the system's sockets, or a network in memory. @default {systemNetwork()} */
  readonly network?: Network | undefined;
}

/** Makes credentials, at once: a promise is a TypeError. What it throws fails the attempt to connect. */
export type NatsAuthenticator = (nonce?: string) => object | void;

/** TLS settings of a NATS client; PEM texts. */
export interface NatsTlsOptions extends TlsConnectOptions {
  /** TLS from the first byte: the server must have it configured too. @default {false} */
  readonly handshakeFirst?: boolean | undefined;
}

/** How a connection comes back after a loss. */
export type NatsReconnectOptions = ReconnectOptions;

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
  readonly maxWaiting: number;
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

const subject = `a subject without wildcards, of at most ${maxInboxPrefix} bytes`;
const authenticator = "a function, or a list of them";
/** Bytes stay the caller's, who may overwrite a key that was used: every subscription logs in anew, and so does a reconnect. */
const bytesOrText = v.union([
  v.string(),
  v.pipe(v.instance(Uint8Array), v.transform((bytes) => new Uint8Array(bytes))),
], "text or bytes");

const schema = v.strictObject({
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
  tls: v.optional(tlsWith("handshakeFirst")),
  window: v.optional(count, Infinity),
  maxWaiting: v.optional(count, 100_000),
  windowBytes: v.optional(count, 8 * 1_024 * 1_024),
  heartbeat: v.optional(interval, 20_000),
  missedHeartbeats: v.optional(count, 2),
  reconnect: v.optional(reconnect, {}),
  discover: v.optional(flag, true),
  echo: v.optional(flag, true),
  noResponders: v.optional(v.picklist(["fail", "wait"], '"fail" or "wait"'), "fail"),
  inboxPrefix: v.optional(
    v.pipe(
      v.string(subject),
      v.regex(/^[^\s.*>]+(\.[^\s.*>]+)*$/, subject),
      v.maxBytes(maxInboxPrefix, subject),
    ),
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
  const said = Object.entries({ user, pass, token }).filter(([, value]) => value !== undefined);
  const checked = checkOptions(schema, { ...rest, ...Object.fromEntries(said) });
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
    tls: checked.tls ?? (parsed.tls ? {} : undefined),
    window: checked.window,
    maxWaiting: checked.maxWaiting,
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

/** What a caller of `subscribe` asks for, beside the buffer. */
export function resolveSubscribe(
  options: NatsSubscribeOptions,
): { timeout: number; queue: string | undefined } {
  // `type` is for programs that learn of their protocol when they run: NATS makes no difference.
  checkNames(options, [...subscribeNames, "queue", "type"], {
    group: 'who shares the messages of a subject is a "queue" in NATS',
  });
  checkSignal(options.signal);
  const { timeout = 20_000, queue } = options;
  checkDuration("timeout", timeout);
  if (queue !== undefined && (typeof queue !== "string" || !/^\S+$/.test(queue))) {
    throw wrong("queue", "a name without white space", queue);
  }
  return { timeout, queue };
}
