import { ProtocolError } from "../../errors.ts";
import type { WireEvent } from "./event.ts";
import type { EventBody } from "./event_body.ts";
import { isRecord, parseJson, quote, scalarText } from "./json.ts";
import { DATA_ENCODING, fromBase64, textOf, toBase64 } from "./payload.ts";
import { checkProperties, CONTENT_TYPE, propertyMembers, readProperties } from "./properties.ts";

/** Returns an event as the JSON of `EventMeshMessage.java`, with `more` behind its properties, as they are. */
export function encodeMessage(
  { topic, data, contentType, properties }: WireEvent,
  more: Readonly<Record<string, string>>,
): EventBody {
  checkProperties(properties);
  const text = typeof data === "string" ? data : textOf(data);
  const packed = text === undefined ? `"${DATA_ENCODING}":"base64"` : "";
  const body = text ?? toBase64(data as Uint8Array);
  const headers = contentType === undefined ? "" : `"datacontenttype":${quote(contentType)}`;
  const members = propertyMembers(more, propertyMembers(properties, packed));
  const head = `{"topic":${quote(topic)},"properties":{${members}},"headers":{${headers}},"body":`;
  return { head, text: body, tail: "}" };
}

/** Reads the JSON of `EventMeshMessage.java`. */
export function decodeMessage(text: string, offset: number): WireEvent {
  const message = parseJson(text);
  if (!isRecord(message)) {
    throw new ProtocolError("Cannot decode an eventmeshmessage: it is not a JSON object", { offset });
  }
  const properties: Record<string, string> = {};
  readProperties(message.properties, properties);
  const from = isRecord(message.properties) ? message.properties : {};
  const headers = isRecord(message.headers) ? message.headers : {};
  const body = scalarText(message.body) ?? "";
  return {
    topic: scalarText(message.topic) ?? "",
    data: from[DATA_ENCODING] === "base64" ? fromBase64(body) ?? body : body,
    contentType: scalarText(headers.datacontenttype ?? from[CONTENT_TYPE]),
    properties,
  };
}
