/** The bytes of one frame, right or wrong in any field. Knows nothing of the library: it is what the library is held to. */
export interface FrameParts {
  /** What the header says; a text is written as it is. @default {no header at all} */
  readonly header?: object | string | undefined;
  readonly body?: string | Uint8Array | undefined;
  /** @default {"EventMesh0000"} */
  readonly prefix?: string | undefined;
  /** What the length field says in place of the truth. */
  readonly length?: number | undefined;
  /** What the header length field says in place of the truth. */
  readonly headerLength?: number | undefined;
}

/** A received frame, not judged. */
export interface Received {
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: string;
}

const utf8 = new TextEncoder();
const text = new TextDecoder();

export function frame({ header, body = "", prefix = "EventMesh0000", ...fields }: FrameParts): Uint8Array {
  const head = utf8.encode(
    header === undefined || typeof header === "string" ? header : JSON.stringify(header),
  );
  const content = typeof body === "string" ? utf8.encode(body) : body;
  const bytes = new Uint8Array(21 + head.length + content.length);
  bytes.set(utf8.encode(prefix));
  const view = new DataView(bytes.buffer);
  view.setInt32(13, fields.length ?? 13 + head.length + content.length);
  view.setInt32(17, fields.headerLength ?? head.length);
  bytes.set(head, 21);
  bytes.set(content, 21 + head.length);
  return bytes;
}

export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** Cuts what a server sends into frames, and fails on what is none. */
export class FrameReader {
  #rest: Uint8Array = new Uint8Array(0);

  push(chunk: Uint8Array): Received[] {
    const bytes = concat([this.#rest, chunk]);
    const view = new DataView(bytes.buffer);
    const frames: Received[] = [];
    let at = 0;
    while (bytes.length - at >= 21) {
      const length = view.getInt32(at + 13);
      const headerLength = view.getInt32(at + 17);
      const prefix = text.decode(bytes.subarray(at, at + 13));
      if (prefix !== "EventMesh0000" || headerLength > length - 13) {
        throw new Error(`No frame: ${prefix}, ${length}`);
      }
      if (bytes.length - at < length + 8) break;
      const bodyAt = at + 21 + headerLength;
      const header = JSON.parse(text.decode(bytes.subarray(at + 21, bodyAt)));
      at += length + 8;
      frames.push({ header, body: text.decode(bytes.subarray(bodyAt, at)) });
    }
    this.#rest = bytes.slice(at);
    return frames;
  }

  /** Bytes of a frame that is not complete. */
  get partial(): number {
    return this.#rest.length;
  }
}
