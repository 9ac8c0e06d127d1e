import { Buffer } from "node:buffer";
import { show } from "../messaging/show.ts";
import { checkTopics } from "../messaging/topic.ts";

/** Tokens with dots between them. */
const plain = /^[^\s.]+(\.[^\s.]+)*$/;
const wildcard = /(^|\.)[*>](\.|$)/;
const rest = /(^|\.)>\./;

/**
 * Checks a subject to publish to.
 *
 * @throws {TypeError} naming what is wrong with it.
 */
export function checkSubject(action: string, topic: unknown): asserts topic is string {
  const wanted = "expected a subject such as orders.new, without white space, empty tokens or wildcards";
  if (typeof topic === "string" && (isPlain(topic) || plain.test(topic) && !wildcard.test(topic))) return;
  throw new TypeError(`Cannot ${action} ${show(topic)}: ${wanted}`);
}

const [space, dot, star, rank, ascii] = [32, 46, 42, 62, 127];

/** The same for text: most subjects need no closer look. */
function isPlain(topic: string): boolean {
  let before = dot;
  for (let at = 0; at < topic.length; at++) {
    const code = topic.charCodeAt(at);
    if (code <= space || code >= ascii || code === star || code === rank) return false;
    if (code === dot && before === dot) return false;
    before = code;
  }
  return before !== dot;
}

/** A subject that is fit to be published to, in bytes. False also where that takes a closer look. */
export function isPlainSubject(bytes: Uint8Array, from: number, to: number): boolean {
  let before = dot;
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!;
    if (byte <= space || byte >= ascii || byte === star || byte === rank) return false;
    if (byte === dot && before === dot) return false;
    before = byte;
  }
  return before !== dot;
}

/** A server ends the connection of whoever sends more behind the name of a command: its `max_control_line`, unless set. */
const maxControlLine = 4_096;
/** Characters of a subject that always fits, whatever stands behind it. */
export const safeSubject = 900;
/** Bytes of an inbox prefix at most: what is asked for by requests fits then. */
export const maxInboxPrefix = 1_024;

/**
 * Checks that a subject fits in a line of the protocol, with so many bytes behind it.
 *
 * @throws {RangeError} naming the size and the limit.
 */
export function checkLine(action: string, subject: string, behind: number): void {
  if (subject.length <= safeSubject && behind <= maxInboxPrefix + 128) return;
  const size = Buffer.byteLength(subject) + behind;
  if (size <= maxControlLine) return;
  const limits = `its line of ${size} bytes exceeds the ${maxControlLine} bytes that a server takes`;
  throw new RangeError(`Cannot ${action} ${show(subject)}: ${limits}`);
}

/** The same for a subject to subscribe to, as a member of a queue group or not. */
export function checkInterest(subject: string, queue: string | undefined): void {
  checkLine(
    "subscribe to",
    subject,
    queue === undefined ? longestSid : Buffer.byteLength(queue) + 1 + longestSid,
  );
}

/** A space, and the number of a subscription. */
const longestSid = 1 + 16;

/**
 * Checks the subjects of a subscription, which may have wildcards.
 *
 * @throws {TypeError} naming the first that is wrong.
 */
export function checkSubjects(topics: string | readonly string[]): readonly string[] {
  return checkTopics(topics, {
    one: "a subject",
    many: "subjects",
    wanted: "a subject such as orders.new, orders.* or orders.>",
    fits: (topic) => plain.test(topic) && !rest.test(topic),
  });
}
