import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { isRecord, parseJson, scalarText } from "../eventmesh/wire/json.ts";
import { decodeText } from "../eventmesh/wire/text.ts";
import { abnormalProperty, missing, refused } from "./refusals.ts";

/** The body of a message, read as far as the broker is concerned. */
export interface Envelope {
  readonly topic: string;
  /** Where properties are: the extensions of a CloudEvent, the properties of an EventMeshMessage. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What a CloudEvent must have beside its data. */
export const attributes: readonly string[] = ["specversion", "id", "source", "type", "subject"];

/** Members of a CloudEvent that are neither attributes nor extensions, and attributes that need not be there. */
const others: ReadonlySet<string> = new Set([
  ...attributes,
  "data",
  "data_base64",
  "datacontenttype",
  "dataschema",
  "time",
]);

/**
 * Reads a body that every subscriber must be able to read, and every other broker too. Returns what is wrong with it, if
 * anything is.
 */
export function readEnvelope(protocol: EventProtocol, body: Uint8Array): Envelope | string {
  const value = parseJson(decodeText(body, 0, body.length));
  if (!isRecord(value)) return refused("message body is not a JSON object");
  if (protocol === "cloudevents") {
    for (const name of attributes) {
      if (typeof value[name] !== "string" || value[name] === "") return missing(name);
    }
    if (value.specversion !== "1.0" && value.specversion !== "0.3") return refused("specversion is unknown");
    for (const name in value) {
      if (!isPropertyName(name) && !others.has(name)) return abnormalProperty(name);
    }
    if (value.data === undefined && value.data_base64 === undefined) return missing("data");
    return { topic: value.subject as string, properties: value };
  }
  const { topic, headers, properties, body: content } = value;
  if (typeof topic !== "string" || topic === "") return missing("topic");
  if (content === undefined || content === null) return missing("body");
  if (!isScalar(content)) return refused("body is not a text");
  if (!isRecord(headers ?? {})) return refused("headers are not an object");
  if (properties === undefined || properties === null) return { topic, properties: {} };
  if (!isRecord(properties)) return refused("properties are not an object");
  for (const name in properties) {
    if (!isPropertyName(name) || !isScalar(properties[name])) return abnormalProperty(name);
  }
  return { topic, properties };
}

/** Whether a property may have this name: lower-case letters and digits. */
export function isPropertyName(name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if ((unit < 0x61 || unit > 0x7a) && (unit < 0x30 || unit > 0x39)) return false;
  }
  return name.length > 0;
}

function isScalar(value: unknown): boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** A property as text. */
export function propertyOf({ properties }: Envelope, name: string): string | undefined {
  return Object.hasOwn(properties, name) ? scalarText(properties[name]) : undefined;
}
