import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { Members, quote } from "../../../lib/eventmesh/wire/json.ts";
import { decodeText, textLength, writeText } from "../../../lib/eventmesh/wire/text.ts";
import { hex } from "./frames.ts";
import { isReadAlike } from "../../support/json.ts";

const text = new TextEncoder();

/** The members of an object by name, as texts. */
function membersOf(bytes: Uint8Array): Map<string, string> | number {
  const found = new Map<string, string>();
  const members = new Members(bytes);
  while (members.next()) found.set(members.name ?? "", members.text);
  return members.malformed < 0 ? found : members.malformed;
}

describe("Members", () => {
  it("finds what JSON.parse finds, in any object", () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: "binary", maxLength: 5 }), fc.jsonValue({ maxDepth: 3 }), {
          maxKeys: 6,
        }).filter((object) => isReadAlike(JSON.stringify(object))),
        fc.constantFrom(undefined, 1, "\t"),
        (object, space) => {
          const found = membersOf(text.encode(JSON.stringify(object, null, space)));
          const parsed = JSON.parse(JSON.stringify(object)) as Record<string, unknown>;
          expect([...found as Map<string, string>].map(([name, value]) => [name, JSON.parse(value)])).toEqual(
            Object.entries(parsed),
          );
        },
      ),
    );
  });

  it("stays within its bytes, whatever they are", () => {
    const alphabet = text.encode('{}[]":,\\ a1\n');
    fc.assert(
      fc.property(fc.array(fc.nat(alphabet.length - 1), { maxLength: 40 }), fc.nat(40), (picks, cut) => {
        const bytes = Uint8Array.from(picks, (pick) => alphabet[pick]!);
        const end = Math.min(cut, bytes.length);
        const members = new Members(bytes, 0, end);
        let steps = 0;
        while (members.next()) {
          expect(members.start).toBeLessThan(members.valueStart);
          expect(members.valueStart).toBeLessThan(members.valueEnd);
          expect(members.valueEnd).toBeLessThanOrEqual(end);
          expect(++steps).toBeLessThanOrEqual(end);
        }
        expect(members.next()).toBe(false);
        expect(members.malformed).toBeLessThanOrEqual(end);
        // What it sees is the same when the bytes behind the end are others.
        expect(membersOf(bytes.slice(0, end))).toEqual(membersOf(bytes.slice(0, end)));
        const alone = new Members(bytes.slice(0, end));
        while (alone.next());
        expect(alone.malformed).toBe(members.malformed);
      }),
      { numRuns: 2000 },
    );
  });

  it("tells where an object is malformed", () => {
    expect(membersOf(text.encode('{"a":1,"b" 2}'))).toBe(11);
    expect(membersOf(text.encode('{"a":1} x'))).toBe(8);
    expect(membersOf(text.encode("  [1]"))).toBe(2);
    expect(membersOf(text.encode('{"a":[1]"b":2}'))).toBe(8);
    expect(membersOf(text.encode('{"a":[1'))).toBe(5);
    expect(membersOf(text.encode('{"a":"x'))).toBe(5);
    const cut = new Members(text.encode('{"a":1}'), 0, 6);
    while (cut.next());
    expect(cut.malformed).toBe(6);
  });

  it("compares names, escapes included", () => {
    const named = (key: string, name: string): boolean => {
      const members = new Members(text.encode(`{${key}:1}`));
      members.next();
      return members.is(name);
    };
    expect(named('"data"', "data")).toBe(true);
    expect(named('"d\\u0061ta"', "data")).toBe(true);
    expect(named('"dat\\u0062"', "data")).toBe(false);
    expect(named('"dataa"', "data")).toBe(false);
    expect(named('"dat"', "data")).toBe(false);
    expect(named('"d\\xata"', "data")).toBe(false);
  });
});

describe("quote", () => {
  it("is JSON.stringify", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
      expect(quote(text)).toBe(JSON.stringify(text));
    }));
    for (let unit = 0; unit < 0x10000; unit++) {
      const text = String.fromCharCode(unit);
      if (quote(text) !== JSON.stringify(text)) expect.unreachable(`unit ${unit}`);
    }
  });
});

describe("text", () => {
  it("is read and written as TextEncoder and TextDecoder do, at any length", () => {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.uint8Array({ minLength: 500, maxLength: 600 }),
      fc.string({ unit: "binary" }).map((text) => new TextEncoder().encode(`\ufeff${text}`)),
      fc.string({ unit: "binary", minLength: 600, maxLength: 700 }).map((text) =>
        new TextEncoder().encode(`\ufeff${text}`)
      ),
    );
    fc.assert(fc.property(bytes, fc.nat(3), (bytes, skip) => {
      const start = Math.min(skip, bytes.length);
      expect(decodeText(bytes, start, bytes.length)).toBe(decoder.decode(bytes.subarray(start)));
      expect(decodeText(bytes, 0, start)).toBe(decoder.decode(bytes.subarray(0, start)));
    }));
    const unit = fc.oneof(
      fc.constantFrom("\ud800", "\udc00"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    );
    fc.assert(fc.property(fc.string({ unit, maxLength: 400 }), (value) => {
      const wanted = text.encode(value);
      expect(textLength(value)).toBe(wanted.length);
      const target = new Uint8Array(wanted.length + 2);
      expect(writeText(target, 1, value)).toBe(wanted.length);
      expect(hex(target)).toBe(`00${hex(wanted)}00`);
    }));
  });
});
