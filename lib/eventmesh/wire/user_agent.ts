import * as v from "valibot";
import type { Packet } from "./packet.ts";
import { checked, filled, range, received } from "./validate.ts";

/** What a connection is for. `pub` publishes and requests, `sub` subscribes and may publish too. */
export type Purpose = "pub" | "sub";

/**
 * Who a client is: the body of HELLO_REQUEST and RECOMMEND_REQUEST. The runtime cannot deliver to a client that leaves out
 * one of the fields that must not be empty here. Source: `UserAgent.java` of Apache EventMesh 1.12.
 */
export interface UserAgent {
  /** Environment, such as `PRD`. Not empty. */
  readonly env: string;
  /** Name of the application. Not empty. */
  readonly subsystem: string;
  /** Where the application is installed. Not empty. */
  readonly path: string;
  readonly pid: number;
  /** The runtime replaces host and port by the address it sees. */
  readonly host: string;
  readonly port: number;
  /** Version of the client. Not empty. */
  readonly version: string;
  readonly username: string;
  readonly password: string;
  readonly token?: string | undefined;
  /** Data centre. Not empty. */
  readonly idc: string;
  /** Clients of one group share the messages of their topics. Not empty. */
  readonly group: string;
  readonly purpose: Purpose;
  /** Written and never read. @default {0} */
  readonly unack?: number | undefined;
}

/** A user agent as a peer sent it: the texts may be missing, and `purpose` may be anything. Missing numbers are 0. */
export interface ReceivedUserAgent {
  readonly env?: string | undefined;
  readonly subsystem?: string | undefined;
  readonly path?: string | undefined;
  readonly pid: number;
  readonly host?: string | undefined;
  readonly port: number;
  readonly version?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  readonly idc?: string | undefined;
  readonly group?: string | undefined;
  readonly purpose?: string | undefined;
  readonly unack: number;
}

const anyText = v.string("a string");
const int = range(-0x80000000, 0x7fffffff);

const local = v.object({
  env: filled,
  subsystem: filled,
  path: filled,
  pid: int,
  host: anyText,
  port: range(0, 65_535),
  version: filled,
  username: anyText,
  password: anyText,
  token: v.optional(anyText),
  idc: filled,
  group: filled,
  purpose: v.picklist(["pub", "sub"], '"pub" or "sub"'),
  unack: v.optional(int, 0),
}, "an object");

const text = v.pipe(
  v.nullish(v.union([v.string(), v.number(), v.boolean()], "a string")),
  v.transform((value) => value === null || value === undefined ? undefined : String(value)),
);

const number = v.pipe(
  v.nullish(
    v.union(
      [v.number(), v.pipe(v.string(), v.regex(/^\s*(?:[-+]?[0-9]+\s*)?$/, "an integer"))],
      "an integer",
    ),
    0,
  ),
  v.transform((value) => Math.trunc(Number(value))),
  v.safeInteger("an integer"),
);

const remote = v.object({
  env: text,
  subsystem: text,
  path: text,
  pid: number,
  host: text,
  port: number,
  version: text,
  username: text,
  password: text,
  token: text,
  idc: text,
  group: text,
  purpose: text,
  unack: number,
});

/** Returns the body for a user agent. Throws TypeError naming a wrong field; it never shows `password` or `token`. */
export function encodeUserAgent(agent: UserAgent): string {
  return JSON.stringify(checked(local, agent, "a user agent", ["password", "token"]));
}

/**
 * Reads the user agent of a packet, as tolerantly as the runtime: whether it is acceptable is for the server to say, in its
 * answer. Undefined when there is no body. Throws ProtocolError when the body is no user agent.
 */
export function decodeUserAgent(packet: Packet): ReceivedUserAgent | undefined {
  return received(remote, packet);
}
