import { ProtocolError } from "../../errors.ts";
import type { WireEvent } from "./event.ts";
import type { EventBody } from "./event_body.ts";
import { isRecord, Members, parseJson, quote, scalarText } from "./json.ts";
import { DATA_ENCODING, fromBase64, textOf, toBase64 } from "./payload.ts";
import { checkProperties, CONTENT_TYPE, propertyMembers, readExtensions } from "./properties.ts";
import { decodeText } from "./text.ts";

/**
 * The only `datacontenttype` that the runtime and its Java client can deliver. It makes them take data for JSON, so that is
 * what it has to be; the content type of the event goes into an extension.
 */
const JSON_TYPE = "application/cloudevents+json";

/** Returns an event as structured CloudEvents JSON, version 1.0, with `more` as further extensions, as they are. */
export function encodeCloudEvent(event: WireEvent, more: Readonly<Record<string, string>>): EventBody {
  const { topic, id, source = "/", type = "cloudevents", data, contentType, properties } = event;
  checkProperties(properties);
  const text = typeof data === "string" ? data : textOf(data);
  let members = propertyMembers(properties, `"subject":${quote(topic)}`);
  if (contentType !== undefined && contentType !== JSON_TYPE) {
    members += `,"${CONTENT_TYPE}":${quote(contentType)}`;
  }
  const json = text !== undefined && isJson(text);
  if (!json) members += `,"${DATA_ENCODING}":"${text === undefined ? "base64" : "text"}"`;
  const start = `{"specversion":"1.0","id":${attribute("id", id)},"source":${
    attribute("source", source)
  },"type":${attribute("type", type)},"datacontenttype":"${JSON_TYPE}",${members},"data":`;
  const tail = `${propertyMembers(more, " ").slice(1)}}`;
  if (json) return { head: start + text, text: undefined, tail };
  return { head: start, text: text ?? toBase64(data as Uint8Array), tail };
}

/** Reads structured CloudEvents JSON. */
export function decodeCloudEvent(bytes: Uint8Array, offset: number): WireEvent {
  const event = parseJson(decodeText(bytes, 0, bytes.length));
  if (!isRecord(event)) {
    throw new ProtocolError("Cannot decode a CloudEvent: it is not a JSON object", { offset });
  }
  const properties: Record<string, string> = {};
  readExtensions(event, properties);
  const type = scalarText(event.datacontenttype);
  return {
    topic: scalarText(event.subject) ?? "",
    id: scalarText(event.id),
    source: scalarText(event.source),
    type: scalarText(event.type),
    data: dataOf(event, bytes),
    contentType: scalarText(event[CONTENT_TYPE]) ?? (type === JSON_TYPE ? undefined : type),
    properties,
  };
}

function dataOf(event: Record<string, unknown>, bytes: Uint8Array): string | Uint8Array {
  const { data, data_base64: binary, [DATA_ENCODING]: encoding } = event;
  if (data === undefined) return (typeof binary === "string" ? fromBase64(binary) : undefined) ?? "";
  if (typeof data === "string") {
    if (encoding === "text") return data;
    const unpacked = encoding === "base64" ? fromBase64(data) : undefined;
    if (unpacked !== undefined) return unpacked;
  }
  // Parsed and written again, numbers and spaces could be others than those that were published.
  const members = new Members(bytes);
  let text = "";
  while (members.next()) if (members.is("data")) text = members.text;
  return text;
}

/** What a JSON document can begin with. */
const JSON_START = /^[[{"tfn\-0-9]/;

/** Whether a text can stand in a JSON document as it is, and be found there again, without the space around it. */
function isJson(text: string): boolean {
  // Most texts are none, and a failed attempt to parse one costs more than all else.
  return JSON_START.test(text) && text.trim().length === text.length && parseJson(text) !== undefined &&
    !/\p{Surrogate}/u.test(text);
}

function attribute(name: string, value: unknown): string {
  if (typeof value === "string" && value !== "") return quote(value);
  throw new TypeError(
    `Cannot encode a CloudEvent: ${name} is ${JSON.stringify(value)}, must be a non-empty string`,
  );
}
