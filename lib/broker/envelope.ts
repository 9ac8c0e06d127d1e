import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import { isRecord, parseJson, scalarText } from "../eventmesh/wire/json.ts";
import { decodeText } from "../eventmesh/wire/text.ts";
import { missing, refused } from "./refusals.ts";

/** The body of a message, read as far as the broker is concerned. */
export interface Envelope {
  readonly topic: string;
  /** Where properties are: the extensions of a CloudEvent, the properties of an EventMeshMessage. */
  readonly properties: Readonly<Record<string, unknown>>;
}

/** What a CloudEvent must have beside its data. */
const attributes = ["specversion", "id", "source", "type", "subject"] as const;

/** Reads a body that every subscriber must be able to read. Returns what is wrong with it, if anything is. */
export function readEnvelope(protocol: EventProtocol, body: Uint8Array): Envelope | string {
  const value = parseJson(decodeText(body, 0, body.length));
  if (!isRecord(value)) return refused("message body is not a JSON object");
  if (protocol === "cloudevents") {
    for (const name of attributes) {
      if (typeof value[name] !== "string" || value[name] === "") return missing(name);
    }
    if (value.data === undefined && value.data_base64 === undefined) return missing("data");
    return { topic: value.subject as string, properties: value };
  }
  const { topic, properties, body: content } = value;
  if (typeof topic !== "string" || topic === "") return missing("topic");
  if (scalarText(content) === undefined) return missing("body");
  return { topic, properties: isRecord(properties) ? properties : {} };
}

/** A property as text. */
export function propertyOf({ properties }: Envelope, name: string): string | undefined {
  return Object.hasOwn(properties, name) ? scalarText(properties[name]) : undefined;
}
