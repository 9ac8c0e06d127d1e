import * as v from "valibot";
import type { BackoffOptions } from "../flow/backoff.ts";
import type { SubmitOptions } from "../flow/operation.ts";
import { checkDuration } from "../lifecycle/timer.ts";
import type { PublishOptions } from "./connection.ts";
import { show } from "./show.ts";

/**
 * How a connection comes back after a loss. The first attempt follows after `min` at most, the next ones wait longer; a
 * server that lets us in and drops us within a second counts as a failed attempt for the waits.
 */
export interface ReconnectOptions extends BackoffOptions {
  /** Failed attempts in a row before the connection is given up. @default {Infinity} */
  readonly attempts?: number | undefined;
  /** Milliseconds for one attempt. @default {5_000} */
  readonly timeout?: number | undefined;
}

const milliseconds = "a number of milliseconds from 0";
const fromOne = "a number of milliseconds from 1";
const wholeFromOne = "a whole number from 1, or Infinity";
const part = "a number from 0 to 1";

/** Options that connections of several protocols have, as schemas. */
export const duration: v.GenericSchema<number> = v.pipe(v.number(milliseconds), v.minValue(0, milliseconds));
export const interval: v.GenericSchema<number> = v.pipe(v.number(fromOne), v.minValue(1, fromOne));
export const count: v.GenericSchema<number> = v.pipe(
  v.number(wholeFromOne),
  v.check((value) => value === Infinity || Number.isInteger(value) && value >= 1, wholeFromOne),
);
export const text: v.GenericSchema<string> = v.string("a string");
export const flag: v.GenericSchema<boolean> = v.boolean("true or false");

const reconnectObject = v.strictObject({
  min: v.optional(duration),
  max: v.optional(duration),
  factor: v.optional(v.pipe(v.number("a number from 1"), v.minValue(1, "a number from 1"))),
  jitter: v.optional(v.pipe(v.number(part), v.minValue(0, part), v.maxValue(1, part))),
  attempts: v.optional(count),
  timeout: v.optional(duration),
}, "false, or an object with min, max, factor, jitter, attempts and timeout");

/** Waits that shrink are a slip of the pen: the first would be the longest that there is. */
function checkReconnect(reconnect: unknown): void {
  const { min = 0, max = Infinity } = (reconnect ?? {}) as ReconnectOptions;
  if (min <= max) return;
  throw new RangeError(
    `Cannot use option "reconnect.min": expected at most ${max}, which is "reconnect.max", got ${min}`,
  );
}

export const reconnect: v.GenericSchema<unknown, false | ReconnectOptions> = v.lazy((value) =>
  value === false ? v.literal(false) : reconnectObject
);

/** Settings of TLS, and the flags that a protocol has beside them. */
export function tlsWith<F extends string = never>(
  ...flags: readonly F[]
): v.GenericSchema<unknown, TlsTexts & { readonly [K in F]?: boolean | undefined }> {
  const entries = {
    ca: v.optional(text),
    cert: v.optional(text),
    key: v.optional(text),
    servername: v.optional(text),
    rejectUnauthorized: v.optional(flag),
    ...Object.fromEntries(flags.map((name) => [name, v.optional(flag)])),
  };
  const names = Object.keys(entries);
  const wanted = `an object with ${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
  return v.strictObject(entries, wanted) as never;
}

/** What every TLS client may set. */
export interface TlsTexts {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized?: boolean | undefined;
}

/**
 * What the caller gave, checked, copied and completed.
 *
 * @throws {TypeError | RangeError} naming the option, what was given and what is wanted; an option that there is not is a
 * TypeError too: it may be a slip of the pen in one that matters.
 */
export function checkOptions<T extends v.GenericSchema>(schema: T, given: object): v.InferOutput<T> {
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const result = v.safeParse(schema, present, { abortEarly: true });
  if (result.success) {
    checkReconnect((result.output as { readonly reconnect?: unknown }).reconnect);
    return result.output;
  }
  const issue = result.issues[0]!;
  const option = v.getDotPath(issue) ?? "";
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw new TypeError(`Cannot use option "${option}": there is no such option`);
  }
  const error = wrong(option, issue.message, issue.input);
  throw isOutOfRange(issue) ? new RangeError(error.message) : error;
}

/** A number where one is wanted, NaN included: what is wrong is its value. */
function isOutOfRange({ input, kind, type }: v.BaseIssue<unknown>): boolean {
  return typeof input === "number" && (kind === "validation" || type === "number");
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

/** What a caller of `subscribe` may set with every protocol. */
export const subscribeNames: readonly string[] = [
  "signal",
  "timeout",
  "overflow",
  "capacity",
  "capacityBytes",
];

/** An object of strings. What its own entries are not is none: a list, or a map. By hand: this runs once per message. */
export function checkProperties(properties: unknown): void {
  const fits = typeof properties === "object" && properties !== null && !Array.isArray(properties) &&
    !(properties instanceof Map);
  if (properties !== undefined && !fits) throw wrong("properties", "an object of strings", properties);
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
const secrets: ReadonlySet<string> = new Set([
  "password",
  "pass",
  "token",
  "nkey",
  "jwt",
  "creds",
  "tls.key",
]);
