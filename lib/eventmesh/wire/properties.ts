import { ProtocolError } from "../../errors.ts";
import type { EventProtocol } from "./event.ts";
import { isRecord, Members, quote } from "./json.ts";
import { DATA_ENCODING } from "./payload.ts";
import { textLength, writeText } from "./text.ts";

/** Attributes of a CloudEvent, which are not free for use as a property. */
const attributes: ReadonlySet<string> = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "dataschema",
  "data",
  "data_base64",
]);

/** Property that carries the content type of a CloudEvent, whose own attribute has to have a fixed value. */
export const CONTENT_TYPE: string = "contenttype";

const NAME = /^[a-z0-9]+$/;
const TAKEN = "its name is in use by the protocol, must be another";
const internal: ReadonlySet<string> = new Set([
  "protocoltype",
  "protocolversion",
  "protocoldesc",
  DATA_ENCODING,
  CONTENT_TYPE,
]);

/** Longest name of a property of an event that is encoded here. Some versions of the CloudEvents SDK refuse longer ones. */
export const MAX_PROPERTY_NAME: number = 20;

/**
 * Checks the properties of an event to be sent: names of 1 to 20 lower-case letters and digits, not those that the
 * protocols use themselves, and string values. Throws TypeError naming the property.
 */
export function checkProperties(properties: Readonly<Record<string, string>>): void {
  for (const name in properties) {
    if (name.length > MAX_PROPERTY_NAME) {
      throw refused(name, `its name has ${name.length} characters, must have at most ${MAX_PROPERTY_NAME}`);
    }
    if (attributes.has(name)) throw refused(name, TAKEN);
    checkProperty(name, properties[name]);
  }
}

/** Returns checked properties as members of a JSON object, behind those that are there already. */
export function propertyMembers(properties: Readonly<Record<string, string>>, members: string): string {
  for (const name in properties) {
    members += `${members === "" ? "" : ","}"${name}":${quote(properties[name]!)}`;
  }
  return members;
}

/** Takes over the properties of a received event: all as text, without those that only serve the protocol. */
export function readProperties(
  from: unknown,
  into: Record<string, string>,
  skip?: ReadonlySet<string>,
): void {
  if (!isRecord(from)) return;
  for (const name of Object.keys(from)) {
    const value = from[name];
    if (value === null || !isKept(name) || skip?.has(name)) continue;
    into[name] = typeof value === "string" ? value : JSON.stringify(value);
  }
}

/** Whether a received property is one for people, not one that only serves the protocol. */
export function isKept(name: string): boolean {
  // Assigned, `__proto__` is a property in one runtime, and a change of the prototype in another.
  return name !== "__proto__" && !internal.has(name);
}

/** Takes over the extensions of a received CloudEvent. */
export function readExtensions(from: Record<string, unknown>, into: Record<string, string>): void {
  readProperties(from, into, attributes);
}

/**
 * Returns an encoded event with properties added, or replaced where they exist; every other byte of it stays as it is.
 * Meant for what travels between request and reply: names may be longer than those of an event of one's own.
 *
 * Throws TypeError naming a property that the protocol does not allow, and ProtocolError, with an offset in the body, when
 * the body is no JSON object.
 */
export function withProperties(
  protocol: EventProtocol,
  body: Uint8Array,
  properties: Readonly<Record<string, string>>,
): Uint8Array {
  for (const name in properties) {
    if (protocol === "cloudevents" && attributes.has(name)) throw refused(name, TAKEN);
    checkProperty(name, properties[name]);
  }
  if (Object.keys(properties).length === 0) return new Uint8Array(body);
  if (protocol === "cloudevents") return withMembers(body, 0, body.length, properties);
  const members = new Members(body);
  let start = -1;
  let end = -1;
  while (members.next()) if (members.is("properties")) [start, end] = [members.valueStart, members.valueEnd];
  if (start < 0 || members.malformed >= 0 || body[start] === 0x6e) {
    return withMembers(body, 0, body.length, { properties });
  }
  return withMembers(body, start, end, properties);
}

/** Whether a property of this name can be added to an event. */
export function isPropertyName(name: string): boolean {
  return NAME.test(name) && !attributes.has(name) && !internal.has(name);
}

function checkProperty(name: string, value: unknown): void {
  if (internal.has(name)) throw refused(name, TAKEN);
  if (!NAME.test(name)) throw refused(name, "its name must consist of lower-case letters and digits");
  if (typeof value !== "string") {
    throw refused(
      name,
      `its value is ${value === null ? "null" : `of type ${typeof value}`}, must be a string`,
    );
  }
}

function refused(name: string, reason: string): TypeError {
  return new TypeError(`Cannot encode the property ${JSON.stringify(name)}: ${reason}`);
}

/** Puts members at the end of the JSON object at `start` to `end`, in place of those of the same name. */
function withMembers(
  bytes: Uint8Array,
  start: number,
  end: number,
  added: Readonly<Record<string, unknown>>,
): Uint8Array {
  const names = Object.keys(added);
  // Offsets of what is kept, in pairs. Neighbours are kept together with what is between them.
  const kept: number[] = [];
  const members = new Members(bytes, start, end);
  let together = false;
  while (members.next()) {
    const replaced = names.some((name) => members.is(name));
    if (!replaced && together) kept[kept.length - 1] = members.valueEnd;
    else if (!replaced) kept.push(members.start, members.valueEnd);
    together = !replaced;
  }
  if (members.malformed >= 0) {
    throw new ProtocolError("Cannot add properties to an event: it is not a JSON object", {
      offset: members.malformed,
    });
  }
  const text = JSON.stringify(added).slice(1);
  let size = bytes.length - (end - start) + 1 + textLength(text);
  for (let i = 0; i < kept.length; i += 2) size += kept[i + 1]! - kept[i]! + 1;
  const result = new Uint8Array(size);
  result.set(bytes.subarray(0, start));
  result[start] = 0x7b;
  let at = start + 1;
  for (let i = 0; i < kept.length; i += 2) {
    result.set(bytes.subarray(kept[i]!, kept[i + 1]!), at);
    at += kept[i + 1]! - kept[i]!;
    result[at++] = 0x2c;
  }
  at += writeText(result, at, text);
  result.set(bytes.subarray(end), at);
  return result;
}
