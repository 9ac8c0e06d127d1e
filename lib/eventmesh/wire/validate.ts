import * as v from "valibot";
import { ProtocolError } from "../../errors.ts";
import { isRecord } from "./json.ts";
import type { Packet } from "./packet.ts";

/** A string with something in it besides space. */
export const filled: v.GenericSchema<string> = v.pipe(
  v.string("a non-empty string"),
  v.check((text) => text.trim() !== "", "a non-empty string"),
);

/** An object, where `v.object` alone would take an array for one without members. */
export const record: v.GenericSchema<Record<string, unknown>> = v.custom(isRecord, "an object");

/** A port that can be connected to. */
export const port: v.GenericSchema<number> = range(1, 65_535);

/** An integer within bounds. */
export function range(min: number, max: number): v.GenericSchema<number> {
  const wanted = `an integer from ${min} to ${max}`;
  return v.pipe(v.number(wanted), v.integer(wanted), v.minValue(min, wanted), v.maxValue(max, wanted));
}

/** Checks a value of the caller. Throws TypeError naming the field, with its value and what it must be. */
export function checked<Output>(
  schema: v.GenericSchema<Output>,
  value: unknown,
  what: string,
  secret: readonly string[] = [],
): Output {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? what;
  const is = secret.includes(path) ? `of type ${typeof issue.input}` : shown(issue.input);
  throw new TypeError(`Cannot encode ${what}: ${path} is ${is}, must be ${issue.message}`);
}

/**
 * Reads the JSON body of a packet. Undefined for an empty body and for the literal `null`, which a command
 * survives; throws ProtocolError for everything else that is not of the schema.
 */
export function received<Output>(
  schema: v.GenericSchema<unknown, Output>,
  packet: Packet,
): Output | undefined {
  const value = packet.json() ?? undefined;
  if (value === undefined) return undefined;
  if (!isRecord(value)) throw refused(packet, "it must be an object");
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw refused(packet, `${v.getDotPath(issue) ?? "it"} must be ${issue.message}`);
}

function refused(packet: Packet, reason: string): ProtocolError {
  return new ProtocolError(`Cannot decode the body of ${packet.name}: ${reason}`, {
    offset: packet.bodyOffset,
  });
}

function shown(value: unknown): string {
  if (typeof value === "string") {
    return JSON.stringify(value.length > 64 ? `${value.slice(0, 64)}...` : value);
  }
  if (typeof value !== "object" || value === null) return String(value);
  return Array.isArray(value) ? "an array" : "an object";
}
