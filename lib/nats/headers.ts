import type { PublishOptions } from "../messaging/connection.ts";
import { checkProperties, wrong } from "../messaging/option.ts";
import { show } from "../messaging/show.ts";

/** Header that carries the identity of a message; a stream looks for duplicates by it. */
export const messageId = "Nats-Msg-Id";

const encoder = new TextEncoder();
const name = /^[!-9;-~]+$/;
const broken = /[\r\n]/;

/**
 * The header block of a message (ADR-4 of NATS); undefined when it needs none.
 *
 * @throws {TypeError} for a name or a value that cannot be in a header.
 */
export function encodeHeaders(
  { id, properties }: Pick<PublishOptions, "id" | "properties">,
  more: Readonly<Record<string, string>> | undefined = undefined,
): Uint8Array | undefined {
  if (id === undefined && properties === undefined && more === undefined) return undefined;
  if (id !== undefined && (typeof id !== "string" || id === "" || broken.test(id))) {
    throw wrong("id", "a string on one line that is not empty", id);
  }
  if (properties !== undefined) checkProperties(properties);
  let text = "NATS/1.0\r\n";
  for (const [key, value] of Object.entries({ ...properties, ...more })) {
    if (!name.test(key)) {
      throw new TypeError(
        `Cannot use property ${show(key)}: expected a name of printable ASCII without a colon`,
      );
    }
    if (typeof value !== "string" || broken.test(value)) {
      throw new TypeError(`Cannot use property ${show(key)}: expected text on one line, got ${show(value)}`);
    }
    if (id === undefined || key !== messageId) text += `${key}: ${value}\r\n`;
  }
  if (id !== undefined) text += `${messageId}: ${id}\r\n`;
  return encoder.encode(`${text}\r\n`);
}
