import { Buffer } from "node:buffer";
import { MessageTooLargeError } from "../errors.ts";
import { bodyBound, bodyText, type EventBody, type FrameTemplate } from "./wire/mod.ts";

/**
 * Refuses a body that does not fit a frame, before anything of it is sent. `action` goes before the topic: `publish to`.
 * Returns the body, as one text where it had to be written for that.
 *
 * @throws {MessageTooLargeError} naming the size and the limit.
 */
export function checkSize(
  action: string,
  topic: string,
  body: EventBody,
  template: FrameTemplate,
  maxFrame: number,
): EventBody {
  const limit = maxFrame - template.bytes.length;
  if (bodyBound(body) <= limit) return body;
  const text = bodyText(body);
  const size = Buffer.byteLength(text);
  if (size <= limit) return { head: text, text: undefined, tail: "" };
  const message = `Cannot ${action} "${topic}": ${size} bytes, encoded, exceed the limit of ${limit} bytes`;
  throw new MessageTooLargeError(message, { size, limit });
}
