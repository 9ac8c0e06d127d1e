import {
  type EventProtocol,
  type HeaderProperties,
  type Packet,
  withProperties,
} from "../eventmesh/wire/mod.ts";
import { scalarText } from "../eventmesh/wire/json.ts";
import { isPropertyName as isFree } from "../eventmesh/wire/properties.ts";
import { type Envelope, isPropertyName } from "./envelope.ts";
import { abnormalProperty, tooLarge } from "./refusals.ts";

/** Properties of a header that say how its body is to be read. */
const selectors: ReadonlySet<string> = new Set(["protocoltype", "protocolversion", "protocoldesc"]);

/** Whether the header of a message has properties of its own. Most have none. */
export function hasExtras(properties: HeaderProperties): boolean {
  for (const name in properties) if (!selectors.has(name)) return true;
  return false;
}

/**
 * Properties in the header of a message travel with it, as they do with the runtime: they replace extensions of a
 * CloudEvent, and are replaced by properties of an EventMeshMessage. Returns the body with all of them, or why it cannot
 * have them: the whole may be larger than the frame it came in.
 */
export function enclosed(
  packet: Packet,
  protocol: EventProtocol,
  { properties }: Envelope,
  maxMessageSize: number,
): Uint8Array | string {
  const added: Record<string, string> = {};
  for (const name in packet.properties) {
    const text = scalarText(packet.properties[name]);
    if (text === undefined || !isPropertyName(name)) return abnormalProperty(name);
    // Those that say how a body is read or packed belong to it, and attributes of a CloudEvent are no properties.
    if (!isFree(name) || protocol === "eventmeshmessage" && Object.hasOwn(properties, name)) continue;
    added[name] = text;
  }
  const body = withProperties(protocol, packet.body, added);
  return body.length > maxMessageSize ? tooLarge(maxMessageSize) : body;
}
