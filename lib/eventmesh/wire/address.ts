import * as v from "valibot";
import { ProtocolError } from "../../errors.ts";
import type { Packet } from "./packet.ts";
import { checked, filled, port, received } from "./validate.ts";

/** Where another server is: the body of REDIRECT_TO_CLIENT. Source: `RedirectInfo.java` of Apache EventMesh 1.12. */
export interface RedirectInfo {
  /** Address or name of the host. Not empty. */
  readonly ip: string;
  /** 1 to 65535. */
  readonly port: number;
}

const local = v.object({ ip: filled, port });

const remote = v.object({
  ip: filled,
  port: v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^[0-9]{1,5}$/, "a port"))], "a port"),
    v.transform(Number),
    port,
  ),
});

/** Returns the body of REDIRECT_TO_CLIENT. Throws TypeError naming a wrong field. */
export function encodeRedirect(info: RedirectInfo): string {
  return JSON.stringify(checked(local, info, "a redirect"));
}

/** Reads where REDIRECT_TO_CLIENT leads. Undefined when there is no body. Throws ProtocolError when it leads nowhere. */
export function decodeRedirect(packet: Packet): RedirectInfo | undefined {
  return received(remote, packet);
}

/** Returns the body of RECOMMEND_RESPONSE, the JSON string `"ip:port"`. Throws TypeError naming a wrong field. */
export function encodeRecommendation(info: RedirectInfo): string {
  const { ip, port } = checked(local, info, "a recommendation");
  return JSON.stringify(ip.includes(":") && !ip.startsWith("[") ? `[${ip}]:${port}` : `${ip}:${port}`);
}

/**
 * Reads the server that RECOMMEND_RESPONSE recommends. Undefined when it recommends none. The quotes around `ip:port` may be
 * missing, and an IPv6 address may be in brackets. Throws ProtocolError when it is no address.
 */
export function decodeRecommendation(packet: Packet): RedirectInfo | undefined {
  const text = packet.text().trim();
  if (text === "" || text === "null") return undefined;
  const [, bracketed, plain, digits] = /^"?(?:\[([^\]"]+)\]|([^"[\]]+)):([0-9]{1,5})"?$/.exec(text) ?? [];
  const info = v.safeParse(local, { ip: bracketed ?? plain, port: Number(digits) });
  if (info.success) return info.output;
  throw new ProtocolError(`Cannot decode the body of ${packet.name}: it must be "ip:port"`, {
    offset: packet.bodyOffset,
  });
}
