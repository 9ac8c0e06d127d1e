import { describe, expect, it } from "vitest";
import { isPlain, writeString } from "../../../lib/eventmesh/wire/plain.ts";

/** What has to be escaped or is not ASCII, and its neighbours that are neither. */
const specials = ['"', "\\", "\u0000", "\n", "\u001f", "é", "\u0080", "🎉", "\ud800"];
const plain = [" ", "!", "#", "[", "]", "~", "\u007f"];
/** Lengths on either side of each stride in which a text is looked over. */
const lengths = [0, 1, 3, 4, 5, 15, 16, 17, 19, 20, 31, 32, 33, 47, 48, 67];

const bytes = new Uint8Array(1_024);
const view = new DataView(bytes.buffer);
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

function written(text: string, at: number): string {
  return utf8.decode(bytes.subarray(at, writeString(bytes, view, at, text)));
}

describe("a text is written as JSON would", () => {
  it.each([...specials, ...plain].map((one) => [JSON.stringify(one), one]))(
    "with %s at any place",
    (_, one) => {
      for (const length of lengths) {
        for (let place = 0; place < length; place++) {
          const text = `${"a".repeat(place)}${one}${"z".repeat(length - place - 1)}`;
          const json = utf8.decode(new TextEncoder().encode(JSON.stringify(text)));
          expect(written(text, place % 5)).toBe(json);
        }
      }
    },
  );
});

describe("bytes are plain", () => {
  it("when none of them is special, at whatever place, and not otherwise", () => {
    for (const length of lengths) {
      for (let place = 0; place < length; place++) {
        for (let byte = 0; byte < 256; byte++) {
          bytes.fill(0x61, 0, length + 3);
          bytes[place + 3] = byte;
          const special = byte < 0x20 || byte === 0x22 || byte === 0x5c || byte > 0x7f;
          if (isPlain(view, 3, length + 3) === special) {
            expect.unreachable(`byte ${byte} at ${place} of ${length}`);
          }
        }
      }
    }
  });

  it("whatever stands in front of them and behind them", () => {
    bytes.fill(0x22, 0, 100);
    bytes.fill(0x61, 10, 60);
    expect(isPlain(view, 10, 60)).toBe(true);
    expect(isPlain(view, 9, 60)).toBe(false);
    expect(isPlain(view, 10, 61)).toBe(false);
  });
});
