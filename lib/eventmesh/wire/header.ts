import { ProtocolError } from "../../errors.ts";
import { type Command, commandOf, COMMANDS, isCommand } from "./commands.ts";
import { isRecord, Members, parseJson, scalarText } from "./json.ts";
import { HEADER_AT } from "./limits.ts";
import { decodeText } from "./text.ts";

/** The header of a frame to be written. Source: `Header.java` of Apache EventMesh 1.12. */
export interface Header {
  readonly cmd: Command;
  /** Status, see {@linkcode OPStatus}. @default {0} */
  readonly code?: number | undefined;
  /** The status in words; not written when absent. */
  readonly desc?: string | undefined;
  /** Correlates an answer with its request; not written when absent. */
  readonly seq?: string | undefined;
  /** Protocol selectors and whatever travels with the frame. @default {{}} */
  readonly properties?: HeaderProperties | undefined;
}

/** Properties of a header. The runtime allows any JSON value, and writes strings. */
export type HeaderProperties = Readonly<Record<string, unknown>>;

/** What a received header says, `seq` aside. Packets may share one. */
export interface Head {
  /** False for a frame without a header. */
  readonly present: boolean;
  /** The command, or undefined when this version of the protocol has none of that name. */
  readonly command: Command | undefined;
  /** The name of the command as received; empty when there was none. */
  readonly name: string;
  readonly code: number;
  readonly description: string | undefined;
  readonly properties: HeaderProperties;
}

const NO_PROPERTIES: HeaderProperties = Object.freeze({});

/** What stands in for the header of a frame that has none. */
export const NO_HEADER: Head = Object.freeze({
  present: false,
  command: undefined,
  name: "",
  code: 0,
  description: undefined,
  properties: NO_PROPERTIES,
});

/** Returns the header as JSON, in the key order of the Java implementation. Throws TypeError naming a wrong field. */
export function encodeHeader(header: Header): string {
  const { seq } = header;
  if (seq === undefined || seq === null) return headerStart(header) + headerEnd(header);
  if (typeof seq !== "string") throw wrong("seq", seq, "a string");
  return `${headerStart(header)},"seq":${JSON.stringify(seq)}${headerEnd(header)}`;
}

/** The header as JSON up to its `seq`. */
export function headerStart(header: Omit<Header, "seq">): string {
  const { cmd, code = 0, desc } = header;
  if (!isCommand(cmd)) throw wrong("cmd", cmd, "an EventMesh command");
  if (!Number.isInteger(code) || code !== (code | 0)) throw wrong("code", code, "a 32-bit integer");
  if (desc === undefined || desc === null) return `{"cmd":"${cmd}","code":${code}`;
  if (typeof desc !== "string") throw wrong("desc", desc, "a string");
  return `{"cmd":"${cmd}","code":${code},"desc":${JSON.stringify(desc)}`;
}

/** The header as JSON behind its `seq`. */
export function headerEnd(header: Omit<Header, "seq">): string {
  const { cmd, properties } = header;
  if (properties === undefined || properties === null) return `,"properties":{},"command":"${cmd}"}`;
  const text = isRecord(properties) ? JSON.stringify(properties) : undefined;
  if (text === undefined || text[0] !== "{") throw wrong("properties", properties, "an object");
  return `,"properties":${text},"command":"${cmd}"}`;
}

/**
 * Reads a header as tolerantly as the Java implementation does: unknown keys are ignored, the last of two equal keys
 * wins, a command may be its number, as text too, `seq` a number, `code` a numeric string. Beyond it, `command` stands in for a missing
 * `cmd`, and a command of an unknown name is no error. Throws ProtocolError when the bytes are no header at all.
 */
export function decodeHeader(
  bytes: Uint8Array,
  start: number,
  end: number,
): { head: Head; seq: string | undefined } {
  const value = start === end ? null : parseJson(decodeText(bytes, start, end));
  if (value === null) return { head: NO_HEADER, seq: undefined };
  if (!isRecord(value)) throw refused(value === undefined ? "it is not JSON" : "it is not an object");
  const name = commandName(value.cmd ?? value.command);
  const { properties } = value;
  if (properties !== undefined && properties !== null && !isRecord(properties)) {
    throw refused("its properties are not an object");
  }
  return {
    head: {
      present: true,
      command: commandOf(name),
      name,
      code: statusCode(value.code),
      description: scalarText(value.desc),
      properties: properties === undefined || properties === null ? NO_PROPERTIES : Object.freeze(properties),
    },
    // The value of a number may have lost digits by now; its text has not.
    seq: typeof value.seq === "number" ? rawSeq(bytes, start, end) : scalarText(value.seq),
  };
}

function commandName(value: unknown): string {
  if (typeof value === "string") {
    return /^[0-9]{1,2}$/.test(value) ? COMMANDS[Number(value)]?.name ?? value : value;
  }
  if (value === undefined || value === null) return "";
  if (typeof value === "number") return COMMANDS[value]?.name ?? String(value);
  throw refused("its command is not a string");
}

function statusCode(value: unknown): number {
  if (value === undefined || value === null || value === "") return 0;
  const code = Math.trunc(typeof value === "number" || typeof value === "string" ? Number(value) : NaN);
  if (code !== (code | 0)) throw refused("its code is not a 32-bit integer");
  return code | 0;
}

function rawSeq(bytes: Uint8Array, start: number, end: number): string | undefined {
  const members = new Members(bytes, start, end);
  let seq: string | undefined;
  while (members.next()) if (members.is("seq")) seq = members.text;
  return seq;
}

function refused(reason: string): ProtocolError {
  return new ProtocolError(`Cannot decode a header: ${reason}`, { offset: HEADER_AT });
}

function wrong(field: string, value: unknown, wanted: string): TypeError {
  return new TypeError(`Cannot encode a header: ${field} is ${String(value)}, must be ${wanted}`);
}
