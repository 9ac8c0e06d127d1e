import type { EventProtocol, HeaderProperties } from "../eventmesh/wire/mod.ts";
import { hasExtras } from "./extras.ts";
import { missing, refused } from "./refusals.ts";

/** What the properties in a header say about the body of its message, or why that is not enough. */
export interface Selection {
  readonly name: EventProtocol | undefined;
  readonly refusal: string;
  /** There are properties of its own. */
  readonly extras: boolean;
}

/** Checks the properties without which nobody knows how to read a body. */
export function selectionOf(properties: HeaderProperties): Selection {
  const { protocoltype: name, protocolversion: version, protocoldesc: desc } = properties;
  const extras = hasExtras(properties);
  if ((name === "eventmeshmessage" || name === "cloudevents") && version === "1.0" && desc === "tcp") {
    return { name, refusal: "", extras };
  }
  return unusual(name, version, desc, extras);
}

/** Everything but the usual: what the runtime accepts too, and what it says to the rest. */
function unusual(name: unknown, version: unknown, desc: unknown, extras: boolean): Selection {
  const refuse = (refusal: string): Selection => ({ name: undefined, refusal, extras });
  if (name === undefined || name === null) return refuse(missing("property protocoltype"));
  if (name === "openmessage") return refuse(refused("event is null"));
  if (name !== "eventmeshmessage" && name !== "cloudevents") {
    return refuse(`java.lang.IllegalArgumentException: Cannot find the Protocol adaptor: ${shorten(name)}`);
  }
  if (version === undefined || version === null) return refuse(missing("property protocolversion"));
  if (version !== "1.0" && version !== "0.3") {
    const exception = "org.apache.eventmesh.protocol.api.exception.ProtocolHandleException";
    return refuse(`${exception}: Unsupported protocolVersion: ${shorten(version)}`);
  }
  if (desc === undefined || desc === null) return refuse(missing("property protocoldesc"));
  if (desc !== "tcp") return refuse(refused(`property protocoldesc is ${shorten(desc)}, must be tcp`));
  return { name, refusal: "", extras };
}

function shorten(value: unknown): string {
  return String(typeof value === "object" ? JSON.stringify(value) : value).slice(0, 64);
}
