import { Buffer } from "node:buffer";
import { MessageTooLargeError } from "../errors.ts";
import { bodyBound, bodyText, type EventBody, type FrameTemplate } from "./wire/mod.ts";

/**
 * Refuses a body that does not fit a frame, before anything of it is sent. `action` goes before the topic: `publish to`.
 *
 * @throws {MessageTooLargeError} naming the size and the limit.
 */
export function checkSize(
  action: string,
  topic: string,
  body: EventBody,
  template: FrameTemplate,
  maxFrame: number,
): void {
  const limit = maxFrame - template.bytes.length;
  if (bodyBound(body) <= limit) return;
  const size = Buffer.byteLength(bodyText(body));
  if (size <= limit) return;
  const message = `Cannot ${action} "${topic}": ${size} bytes, encoded, exceed the limit of ${limit} bytes`;
  throw new MessageTooLargeError(message, { size, limit });
}
