import * as v from "valibot";
import { PeerError, UnsupportedError } from "../errors.ts";
import type { BackoffOptions } from "../flow/backoff.ts";
import type { AbortOptions, Endpoint } from "../lifecycle/endpoint.ts";
import type { MemberNews } from "../lifecycle/events.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import type { AcquireOptions } from "./lease.ts";
import type { Wish } from "./waiting.ts";

/** An endpoint that can ask its peer for a sign of life: connections of this library do. */
export interface Pingable {
  /** Resolves when the peer has answered a question that was sent after this call, and rejects otherwise. */
  ping(options?: AbortOptions & { readonly timeout?: number | undefined }): Promise<unknown>;
}

/** Asks a member for proof that it does its work; rejects or throws when it does not. */
export type Probe<T extends Endpoint> = (member: T, signal: AbortSignal) => unknown;

/** What {@linkcode createPool} takes. Durations are in milliseconds, `Infinity` for none. */
export interface PoolOptions<T extends Endpoint> {
  /**
   * Opens a member. It gets nothing but the signal, and makes its own options each time. When it rejects, it must have
   * freed what it had; a member that comes about after an abort is ended on arrival. Called for one member at a time after
   * a failure.
   */
  readonly open: (signal: AbortSignal) => Promise<T>;
  /** Members that are kept open. @default {2, or max if that is less} */
  readonly min?: number | undefined;
  /**
   * Members at any time, counting those that are being opened and those that are ending. With more than `min`, a member
   * that leaves is replaced while its leases finish. @default {4, or min if that is more}
   */
  readonly max?: number | undefined;
  /** Shared leases that a member may have at a time; beyond that more members are opened. @default {Infinity} */
  readonly shares?: number | undefined;
  /**
   * How a member is asked for proof; with one of your own also when it has just been opened. `false`: never; then a lease
   * says only that its member believed to be open.
   * @default {member.ping({ signal })}
   */
  readonly probe?: Probe<T> | false | undefined;
  /**
   * When it is asked. `always`: before each lease, with a probe that begins after the call of `acquire`, and that all who
   * ask meanwhile share. A number: when its last answered question was sent longer ago than that. @default {"always"}
   */
  readonly check?: "always" | number | undefined;
  /** For one probe; a member that does not answer in time is replaced. @default {2_000} */
  readonly probeTimeout?: number | undefined;
  /** For one attempt to open a member. @default {20_000} */
  readonly openTimeout?: number | undefined;
  /** Waits after attempts that have failed, and after members that died as soon as they were open. */
  readonly backoff?: BackoffOptions | undefined;
  /**
   * Whether no other attempt is to be made after this error, until {@linkcode Pool.retry} is called.
   * @default {a PeerError that is not transient, an UnsupportedError, a TypeError or a RangeError}
   */
  readonly terminal?: ((error: unknown) => boolean) | undefined;
  /** After which a member beyond `min` that nobody uses is ended. @default {60_000} */
  readonly idleTimeout?: number | undefined;
  /** After which a member is replaced, a tenth more or less. @default {Infinity} */
  readonly maxAge?: number | undefined;
  /** That the leases of a member which is handed out no more have until it ends all the same. @default {10_000} */
  readonly handover?: number | undefined;
  /** Calls of `acquire` that may wait at a time; more are refused with an OverflowError. @default {10_000} */
  readonly maxWaiting?: number | undefined;
  /** Told of everything that happens to members, with the member once it is open. What it throws or rejects with is contained. */
  readonly onMember?: ((news: MemberNews, member: T | undefined) => void) | undefined;
  /** Governs the life of the pool: its abort begins the goodbye, with that reason. */
  readonly signal?: AbortSignal | undefined;
  /** What it is, for people. @default {"pool"} */
  readonly name?: string | undefined;
  /** For everything before force when the pool ends. @default {14_000} */
  readonly grace?: number | undefined;
}

/** Complete and checked options. */
export interface PoolSettings<T extends Endpoint> {
  readonly open: (signal: AbortSignal) => Promise<T>;
  readonly min: number;
  readonly max: number;
  readonly shares: number;
  readonly probe: Probe<T> | false | undefined;
  readonly check: "always" | number;
  readonly probeTimeout: number;
  readonly openTimeout: number;
  readonly backoff: BackoffOptions;
  readonly terminal: (error: unknown) => boolean;
  readonly idleTimeout: number;
  readonly maxAge: number;
  readonly handover: number;
  readonly maxWaiting: number;
  readonly onMember: ((news: MemberNews, member: T | undefined) => void) | undefined;
  readonly signal: AbortSignal | undefined;
  readonly name: string;
  readonly grace: number | undefined;
}

const milliseconds = "0 or more milliseconds";
const duration = v.pipe(v.number(milliseconds), v.minValue(0, milliseconds));
const atLeastOne = "1 or more milliseconds";
const positive = v.pipe(v.number(atLeastOne), v.minValue(1, atLeastOne));
const alwaysOrSince = `"always" or ${milliseconds}`;
const since = v.pipe(v.number(alwaysOrSince), v.minValue(0, alwaysOrSince));
const part = v.pipe(v.number("0 to 1"), v.minValue(0, "0 to 1"), v.maxValue(1, "0 to 1"));
const callable = v.custom<(...input: never[]) => unknown>(
  (value) => typeof value === "function",
  "a function",
);

function count(least: number, endless = false): v.GenericSchema<number> {
  const wanted = `a whole number from ${least}${endless ? ", or Infinity" : ""}`;
  return v.pipe(
    v.number(wanted),
    v.check((value) => Number.isInteger(value) && value >= least || endless && value === Infinity, wanted),
  );
}

const schema = v.strictObject({
  open: v.optional(callable, () => {
    throw wrong("open", "a function", undefined);
  }),
  min: v.optional(count(0)),
  max: v.optional(count(1)),
  shares: v.optional(count(1, true), Infinity),
  probe: v.optional(v.union([v.literal(false), callable], "false or a function")),
  check: v.optional(
    v.lazy((value) => typeof value === "number" ? since : v.literal("always", alwaysOrSince)),
    "always",
  ),
  probeTimeout: v.optional(positive, 2_000),
  openTimeout: v.optional(positive, 20_000),
  backoff: v.optional(
    v.strictObject({
      min: v.optional(duration),
      max: v.optional(duration),
      factor: v.optional(v.pipe(v.number("a number from 1"), v.minValue(1, "a number from 1"))),
      jitter: v.optional(part),
    }, "an object with min, max, factor and jitter"),
    {},
  ),
  terminal: v.optional(callable),
  idleTimeout: v.optional(duration, 60_000),
  maxAge: v.optional(positive, Infinity),
  handover: v.optional(duration, 10_000),
  maxWaiting: v.optional(count(0, true), 10_000),
  onMember: v.optional(callable),
  signal: v.optional(v.instance(AbortSignal, "an AbortSignal")),
  name: v.optional(v.string("a text"), "pool"),
  grace: v.optional(duration),
}, "an object of known options");

/**
 * Fills in the defaults. The object given is left as it is, and not looked at again.
 *
 * @throws {TypeError | RangeError} naming the option, what is wanted and what was given.
 */
export function checkPoolOptions<T extends Endpoint>(options: PoolOptions<T>): PoolSettings<T> {
  const given = check(schema, options);
  const { max = Math.max(4, given.min ?? 0) } = given;
  const { min = Math.min(2, max) } = given;
  if (min > max) {
    throw new RangeError(`Cannot use option "min": expected at most ${max}, which is "max", got ${min}`);
  }
  const { min: shortest = 0, max: longest = Infinity } = given.backoff;
  if (shortest > longest) {
    throw new RangeError(
      `Cannot use option "backoff.min": expected at most ${longest}, which is "backoff.max", got ${shortest}`,
    );
  }
  const { grace, onMember, probe, signal, terminal = isTerminal } = given;
  return { ...given, min, max, grace, onMember, probe, signal, terminal } as unknown as PoolSettings<T>;
}

/** What a caller of `acquire` asks for. By hand: this may run once per message. */
export function checkAcquireOptions(options: AcquireOptions = {}): Omit<Wish, "asked"> {
  if (typeof options !== "object" || options === null) throw wrong("options", "an object", options);
  const { mode = "shared", offline = "wait", signal, timeout = 20_000 } = options;
  if (mode !== "shared" && mode !== "exclusive") throw wrong("mode", '"shared" or "exclusive"', mode);
  if (offline !== "wait" && offline !== "fail") throw wrong("offline", '"wait" or "fail"', offline);
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrong("signal", "an AbortSignal", signal);
  }
  return { mode, offline, signal, timeout: checkDuration("timeout", timeout) };
}

/** Whether another attempt would come to the same. */
export function isTerminal(error: unknown): boolean {
  if (error instanceof PeerError) return !error.transient;
  if (error instanceof TypeError || error instanceof RangeError) return true;
  return error instanceof UnsupportedError;
}

function check<T extends v.GenericSchema>(wanted: T, given: unknown): v.InferOutput<T> {
  const result = v.safeParse(wanted, withoutUndefined(given), { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const option = v.getDotPath(issue);
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw new TypeError(`Cannot use option "${option}": there is no such option`);
  }
  const error = wrong(option ?? "options", issue.message, issue.input);
  // A number where one is wanted, NaN included: what is wrong is its value.
  const outOfRange = typeof issue.input === "number" &&
    (issue.kind === "validation" || issue.type === "number");
  throw outOfRange ? new RangeError(error.message) : error;
}

function wrong(option: string, wanted: string, given: unknown): TypeError {
  return new TypeError(`Cannot use option "${option}": expected ${wanted}, got ${shown(given)}`);
}

function withoutUndefined(options: unknown): unknown {
  if (typeof options !== "object" || options === null) return options;
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 64));
  if (value === null || typeof value === "number" || typeof value === "boolean") return String(value);
  return typeof value === "undefined" ? "nothing" : `a value of type ${typeof value}`;
}
