import * as v from "valibot";
import { MAX_FRAME, type ReceivedUserAgent } from "../eventmesh/wire/mod.ts";
import type { Network, TlsListenOptions } from "../server/mod.ts";
import type { CoreSettings } from "./core.ts";

/** What {@linkcode startBroker} takes. Durations are in milliseconds, `Infinity` for none. */
export interface BrokerOptions {
  /** TCP port; 0 takes a free one. @default {10_000} */
  readonly port?: number | undefined;
  /** Name or address to listen on. @default {"127.0.0.1"} */
  readonly host?: string | undefined;
  /** Path of a unix socket, in place of host, port and tls. */
  readonly path?: string | undefined;
  /** Certificate and key: only TLS is accepted then. */
  readonly tls?: TlsListenOptions | undefined;
  /** Where connections come from. @default {the sockets of the system} */
  readonly network?: Network | undefined;
  /**
   * Bounds the call: an abort before it has succeeded makes it reject with the reason. Then it governs the life: its
   * abort begins the graceful goodbye, with that reason.
   */
  readonly signal?: AbortSignal | undefined;
  /** What the broker is, for people. @default {"broker"} */
  readonly name?: string | undefined;
  /** Milliseconds at the begin of the end in which clients are still welcome. @default {0} */
  readonly announce?: number | undefined;
  /** Milliseconds of a goodbye for everything before force. @default {14_000} */
  readonly grace?: number | undefined;
  /**
   * Decides who may connect. Nothing, or true, lets the client in; false, a text, or an error refuses it, and the client
   * is told the text. `signal` aborts when the time for the hello is over or the client is gone.
   */
  readonly authenticate?: Authenticate | undefined;
  readonly limits?: BrokerLimits | undefined;
  /** Publishes that a client of this library may have unconfirmed at a time; others go by their own. @default {1_024} */
  readonly window?: number | undefined;
  /** Milliseconds from the connection to the accepted hello. @default {10_000} */
  readonly helloTimeout?: number | undefined;
  /**
   * Milliseconds without a byte of a client after which its session ends. Whatever it sends counts, not only heartbeats:
   * a slow subscriber does not lose its session. @default {60_000}
   */
  readonly sessionExpiry?: number | undefined;
  /**
   * Milliseconds that a push waits for its acknowledgement: from the push, or from the acknowledgement of the push
   * before it if that is later. Then it is pushed again, to another member of the group if there is one.
   * @default {30_000}
   */
  readonly ackTimeout?: number | undefined;
  /**
   * Pushes of a message to a group that may come to nothing; after that many it is dropped. Counted is a push whose turn
   * had come, as the ones before it on its session were acknowledged: a message that only waited behind one that hangs,
   * or that crashes its subscriber, does not suffer for it. @default {5}
   */
  readonly maxDeliveries?: number | undefined;
  /**
   * Milliseconds that the messages of a group are kept when its last session for their topic has ended. When that
   * session was lost rather than saying goodbye, new messages are added meanwhile, as far as there is room.
   * @default {60_000}
   */
  readonly groupExpiry?: number | undefined;
  /** Milliseconds that a client has to disconnect after its goodbye or a redirect. @default {30_000} */
  readonly goodbyeTimeout?: number | undefined;
  /** Messages per topic that are kept for groups, and broadcasting sessions, that come later. @default {0} */
  readonly retain?: number | undefined;
  /** Milliseconds that a request waits for its reply when it does not say. @default {3_000} */
  readonly requestTtl?: number | undefined;
  /**
   * Whether the body of every publish is read, and one that subscribers could not read, or that has properties which the
   * EventMesh runtime refuses, is refused. Without it only the topic is looked for, which costs less. Requests and replies
   * are always read. @default {true}
   */
  readonly validate?: boolean | undefined;
}

/** Decides who may connect. */
export type Authenticate = (
  agent: ReceivedUserAgent,
  options: { readonly signal: AbortSignal },
) => boolean | string | void | Promise<boolean | string | void>;

/** The most that a broker takes on. All of them are whole numbers; `perAddress` may be `Infinity`. */
export interface BrokerLimits {
  /** Connections at a time; more are reset. @default {10_000} */
  readonly sessions?: number | undefined;
  /** Connections at a time from one address (unix sockets have none); more are reset. @default {Infinity} */
  readonly perAddress?: number | undefined;
  /**
   * Bytes of a frame; a connection that sends a larger one is ended as soon as its length is known. Until its hello is
   * accepted a connection may send frames of 65_536 bytes, at most. A frame that is not yet complete takes memory, about
   * twice of what has come of it and `maxFrame` at most, which is not part of `memory`: strangers can take `sessions`
   * times 64 KiB (and as much in answers that they do not read), clients that were let in `sessions` times `maxFrame`.
   * @default {4_194_304}
   */
  readonly maxFrame?: number | undefined;
  /** Bytes of the body of a message; at least 1_024 less than `maxFrame`. @default {1_048_576} */
  readonly maxMessageSize?: number | undefined;
  /**
   * Messages per group and topic, those that are not acknowledged included. A publish to a full group is refused. Of
   * the messages that wait for a broadcasting session, as many are kept; then the oldest is dropped. @default {16_384}
   */
  readonly queue?: number | undefined;
  /**
   * Bytes that messages may take in total. What is written to sockets and not yet sent comes on top, and so do frames that
   * are not yet complete (see `maxFrame`). It is for all topics together: messages that a group leaves unacknowledged take
   * it from the others, up to `queue` messages of `maxMessageSize` bytes per group and topic. Smaller ones of these two
   * keep room for the others. @default {268_435_456}
   */
  readonly memory?: number | undefined;
  /** Topics that anybody subscribes to or anything is held for. @default {10_000} */
  readonly topics?: number | undefined;
  /** Groups with sessions that may subscribe, or for which anything is held. @default {10_000} */
  readonly groups?: number | undefined;
  /** Pushes that a session may have unacknowledged at a time. @default {1_024} */
  readonly unackedPerSession?: number | undefined;
  /**
   * Requests that wait for their reply, or for the end of their time: the broker does not learn that a client has given
   * one up. A session may have as many as it leaves for others: one alone takes half of them (of 1, that one), and another
   * still finds a place. A request beyond that is refused as busy; those of a session that is gone hold no place.
   * @default {16_384}
   */
  readonly pendingRequests?: number | undefined;
}

/** Complete and checked options. */
export interface BrokerSettings extends CoreSettings {
  readonly sessions: number;
  readonly perAddress: number;
  readonly maxFrame: number;
  readonly maxMessageSize: number;
  readonly window: number;
  readonly helloTimeout: number;
  readonly sessionExpiry: number;
  readonly goodbyeTimeout: number;
  readonly requestTtl: number;
  readonly validate: boolean;
  readonly authenticate: Authenticate | undefined;
}

/** Bytes of a frame that are left for its header and for what the broker adds to a request. */
const headerRoom = 1_024;

const duration = v.pipe(v.number("a number of milliseconds"), v.minValue(0, "0 or more milliseconds"));
const positive = v.pipe(duration, v.minValue(1, "1 or more milliseconds"));

function count(least: number): v.GenericSchema<number> {
  return v.pipe(
    v.number("a number"),
    v.safeInteger("a whole number"),
    v.minValue(least, `a whole number from ${least}`),
  );
}

const countOrNone = v.pipe(
  v.number("a number"),
  v.check((value) => value === Infinity || (Number.isInteger(value) && value >= 1), "1 or more, or Infinity"),
);

const limits = v.pipe(
  v.strictObject({
    sessions: v.optional(count(1), 10_000),
    perAddress: v.optional(countOrNone, Infinity),
    maxFrame: v.optional(v.pipe(count(2_048), v.maxValue(0x7fffffff, "at most 2147483647")), MAX_FRAME),
    maxMessageSize: v.optional(count(1)),
    queue: v.optional(count(1), 16_384),
    memory: v.optional(count(1), 268_435_456),
    topics: v.optional(count(1), 10_000),
    groups: v.optional(count(1), 10_000),
    unackedPerSession: v.optional(count(1), 1_024),
    pendingRequests: v.optional(count(1), 16_384),
  }, "an object of known limits"),
  v.transform((given) => ({
    ...given,
    maxMessageSize: given.maxMessageSize ?? Math.min(1_048_576, given.maxFrame - headerRoom),
  })),
);

const schema = v.strictObject({
  port: v.optional(v.pipe(count(0), v.maxValue(65_535, "a port from 0 to 65535")), 10_000),
  host: v.optional(v.string("a string")),
  path: v.optional(v.string("a string")),
  tls: v.optional(v.looseObject({ cert: v.string("PEM text"), key: v.string("PEM text") }, "an object")),
  network: v.optional(
    v.custom<Network>((value) => typeof (value as Network | null)?.listen === "function", "a network"),
  ),
  signal: v.optional(v.instance(AbortSignal, "an AbortSignal")),
  name: v.optional(v.string("a string"), "broker"),
  announce: v.optional(duration),
  grace: v.optional(duration),
  authenticate: v.optional(v.custom<Authenticate>((value) => typeof value === "function", "a function")),
  limits: v.optional(limits, {}),
  window: v.optional(count(1), 1_024),
  helloTimeout: v.optional(positive, 10_000),
  sessionExpiry: v.optional(positive, 60_000),
  ackTimeout: v.optional(positive, 30_000),
  maxDeliveries: v.optional(count(1), 5),
  groupExpiry: v.optional(duration, 60_000),
  goodbyeTimeout: v.optional(duration, 30_000),
  retain: v.optional(count(0), 0),
  requestTtl: v.optional(positive, 3_000),
  validate: v.optional(v.boolean("a boolean"), true),
}, "an object of known options");

/** Options that have a default. */
type Filled =
  | "port"
  | "name"
  | "window"
  | "helloTimeout"
  | "sessionExpiry"
  | "ackTimeout"
  | "maxDeliveries"
  | "groupExpiry"
  | "goodbyeTimeout"
  | "retain"
  | "requestTtl"
  | "validate";

/** Options for the server below, and the settings of the broker. */
export type CheckedOptions =
  & Omit<BrokerOptions, Filled | "limits">
  & { readonly [K in Filled]: NonNullable<BrokerOptions[K]> }
  & { readonly limits: { readonly [K in keyof BrokerLimits]-?: NonNullable<BrokerLimits[K]> } };

/**
 * Fills in the defaults.
 *
 * @throws {TypeError | RangeError} naming the option, what is wanted and what was given.
 */
export function checkOptions(options: BrokerOptions): CheckedOptions {
  const result = v.safeParse(schema, withoutUndefined(options), { abortEarly: true });
  if (result.success) return checkSizes(result.output);
  const [issue] = result.issues;
  const option = v.getDotPath(issue) ?? "options";
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw new TypeError(`Cannot use option "${option}": there is no such option`);
  }
  const message = `Cannot use option "${option}": expected ${issue.message}, got ${shown(issue.input)}`;
  // A number where one is wanted, NaN included: what is wrong is its value.
  const outOfRange = typeof issue.input === "number" &&
    (issue.kind === "validation" || issue.type === "number");
  throw outOfRange ? new RangeError(message) : new TypeError(message);
}

function checkSizes(options: CheckedOptions): CheckedOptions {
  const { maxFrame, maxMessageSize } = options.limits;
  if (maxMessageSize <= maxFrame - headerRoom) return options;
  const wanted = `at most ${maxFrame - headerRoom}, ${headerRoom} less than maxFrame`;
  throw new RangeError(
    `Cannot use option "limits.maxMessageSize": expected ${wanted}, got ${maxMessageSize}`,
  );
}

/** What the broker itself goes by. */
export function settingsOf({ limits, ...options }: CheckedOptions): BrokerSettings {
  return { ...options, ...limits, authenticate: options.authenticate };
}

function withoutUndefined(options: unknown): unknown {
  if (typeof options !== "object" || options === null) return options;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, name === "limits" ? withoutUndefined(value) : value]),
  );
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  return typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : value === null
    ? "null"
    : typeof value;
}
