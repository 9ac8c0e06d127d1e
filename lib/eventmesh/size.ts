import { Buffer } from "node:buffer";
import { MessageTooLargeError } from "../errors.ts";
import { bodyBound, bodyText, type EventBody, type FrameTemplate, type OutgoingBody } from "./wire/mod.ts";

/**
 * Refuses a body that does not fit a frame, before anything of it is sent. `action` goes before the topic: `publish to`.
 * Returns the body, as one text where it had to be written for that.
 *
 * @throws {MessageTooLargeError} naming the size and the limit.
 */
export function checkSize<B extends OutgoingBody>(
  action: string,
  topic: string,
  body: B,
  template: FrameTemplate,
  maxFrame: number,
): B | EventBody {
  if (surelyFits(body, template, maxFrame)) return body;
  const limit = maxFrame - template.bytes.length;
  const text = bodyText(body);
  const size = Buffer.byteLength(text);
  if (size <= limit) return { head: text, text: undefined, tail: "" };
  const message = `Cannot ${action} "${topic}": ${size} bytes, encoded, exceed the limit of ${limit} bytes`;
  throw new MessageTooLargeError(message, { size, limit });
}

/** Whether a body fits a frame however its text is written; where it does not, it may all the same. */
export function surelyFits(body: OutgoingBody, template: FrameTemplate, maxFrame: number): boolean {
  return bodyBound(body) <= maxFrame - template.bytes.length;
}
