import { Parser, type ParserEvent } from "@nats-io/nats-core/internal";
import { describe, expect, it } from "vitest";
import { Intake } from "../../lib/nats/intake.ts";
import type { Frame } from "../../lib/nats/scanner.ts";
import { randomOf, seed, splits } from "../eventmesh/wire/frames.ts";

type Random = (limit: number) => number;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** Of the subscriptions 1 to 4 these are ours. */
const ours = [1, 3];
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What a message says, however it came. */
function told(sid: number, subject: string, reply: string, headers: number, body: Uint8Array): string {
  return `${sid} ${subject} (${reply}) ${headers} ${JSON.stringify(decoder.decode(body))}`;
}

const part = ({ bytes }: Frame, from: number, to: number): string => decoder.decode(bytes.subarray(from, to));

/** Reads a stream, and tells what came of it, in its order; what was taken from it beside the parser, too. */
class Reader {
  readonly events: string[] = [];
  taken = 0;
  readonly parser: Parser = new Parser({ push: (event) => this.#push(event as ParserEvent) });
  /** Subscriptions that are taken out of the book by a line of the server. */
  readonly gone: Set<number> = new Set();
  readonly #intake: Intake = new Intake(
    this.parser,
    (sid) => ours.includes(sid) && !this.gone.has(sid) ? { take: (frame) => this.#take(frame) } : undefined,
  );

  read(chunk: Uint8Array): void {
    this.#intake.take(chunk);
  }

  #take(frame: Frame): void {
    this.taken++;
    const { sid, subjectStart, subjectEnd, replyStart, replyEnd, headers, bytes, bodyStart, bodyEnd } = frame;
    const subject = part(frame, subjectStart, subjectEnd);
    const body = bytes.subarray(bodyStart, bodyEnd);
    this.events.push(told(sid, subject, part(frame, replyStart, replyEnd), headers, body));
  }

  #push({ kind, msg, data = new Uint8Array(0) }: ParserEvent): void {
    if (msg === undefined) {
      const text = decoder.decode(data);
      if (text.startsWith("gone ")) this.gone.add(Number(text.slice(5)));
      this.events.push(`${kind} ${text}`);
      return;
    }
    const reply = msg.reply === undefined ? "" : decoder.decode(msg.reply);
    this.events.push(told(msg.sid, decoder.decode(msg.subject), reply, msg.hdr, data));
  }
}

/** The events of the official parser alone, up to what it refuses. */
function alone(bytes: Uint8Array): { readonly events: string[]; readonly error: unknown } {
  const reader = new Reader();
  let error: unknown;
  try {
    reader.parser.parse(bytes);
  } catch (cause) {
    error = (cause as Error).message.slice(0, 12);
  }
  return { events: reader.events, error };
}

function read(chunks: Iterable<Uint8Array>): { reader: Reader; events: string[]; error: unknown } {
  const reader = new Reader();
  let error: unknown;
  try {
    for (const chunk of chunks) reader.read(chunk);
  } catch (cause) {
    error = (cause as Error).message.slice(0, 12);
  }
  return { reader, events: reader.events, error };
}

const bodies = [
  "",
  "x",
  "hello",
  "\r\n",
  "MSG a 1 1\r\nx\r\n",
  "PONG\r\n",
  "é\u{1f600}",
  "\n\n\n",
  "y".repeat(300),
];
const headerBlock = "NATS/1.0\r\nkind: test\r\n\r\n";

function message(random: Random): string {
  const body = bodies[random(bodies.length)]!;
  const size = encoder.encode(body).length;
  const subject = ["a", "orders.new", "_INBOX.1.22", "größe"][random(4)]!;
  const to = random(2) === 0 ? "" : "_INBOX.x.7 ";
  const sid = 1 + random(4);
  if (random(3) > 0) return `MSG ${subject} ${sid} ${to}${size}\r\n${body}\r\n`;
  const length = headerBlock.length;
  return `HMSG ${subject} ${sid} ${to}${length} ${length + size}\r\n${headerBlock}${body}\r\n`;
}

/** What else a server says; the last ones are written as servers do not, and taken nevertheless. */
const lines = [
  "PING\r\n",
  "PONG\r\n",
  "+OK\r\n",
  "-ERR 'Slow Consumer'\r\n",
  'INFO {"ldm":true}\r\n',
  "-ERR gone 3\r\n",
  "ping\r\n",
  "PONG\n",
  "msg a 1 2\r\nhi\r\n",
  "msg a 1 14\r\nMSG a 1 1\r\nx\r\n\r\n",
  "MSG  a 1  2\r\nhi\r\n",
  "MSG\ta\t1\t2\r\nhi\r\n",
  "MSG a 1 2\nhi\r\n",
  "MSG a 1 2 \r\nhi\r\n",
  "MSG a 1 2\r\nhi and more\r\n",
  "MSG a 1 2\r\nhi\n",
  "MSG a 001 02\r\nhi\r\n",
  "HMSG a 3 0 2\r\nhi\r\n",
];

/** What no parser takes. */
const broken = [
  "what\r\n",
  "MSG a 1\r\n",
  "MSG a x 2\r\nhi\r\n",
  "MSG a 1 -2\r\n",
  "MSG a 1 b c 2\r\n",
  "MSG a 1 99999999999\r\n",
  "MSG a 1 1234567890123456\r\n",
  "MSG a 0000000000000001 2\r\nhi\r\n",
  "HMSG a 1 9 2\r\nhi\r\n",
  "HMSG a 1 2\r\n",
  "HMSG a 1 r x 2\r\n",
  "HPUB a 1\r\n",
];

/** `plain`: as servers write it; what follows the rest may be swallowed by the parser. */
function stream(random: Random, plain = false): string {
  return range(1 + random(12)).map(() =>
    random(3) === 0 && !plain ? lines[random(lines.length)]! : message(random)
  )
    .join("");
}

/** What the parser gets from now on. */
function piecesFor(parser: Parser): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const parse = parser.parse.bind(parser);
  parser.parse = (bytes) => {
    pieces.push(bytes);
    parse(bytes);
  };
  return pieces;
}

describe("the way in", () => {
  it(`gives the events of the official parser in their order, whatever the chunks (SEED=${seed})`, () => {
    const random = randomOf(seed);
    let taken = 0;
    for (const _ of range(400)) {
      const bytes = encoder.encode(stream(random));
      const wanted = alone(bytes);
      for (const most of [2, 8, 60, 100_000]) {
        const { reader, events } = read(splits(bytes, random, most));
        expect(events).toEqual(wanted.events);
        taken += reader.taken;
      }
      const whole = read([bytes]);
      expect(whole.events).toEqual(wanted.events);
      taken += whole.reader.taken;
    }
    expect(taken).toBeGreaterThan(1_000);
  });

  it(`refuses what the official parser refuses, behind the same events (SEED=${seed})`, () => {
    const random = randomOf(seed);
    for (const text of broken) {
      for (const _ of range(20)) {
        const bytes = encoder.encode(stream(random, true) + text + stream(random));
        const wanted = alone(bytes);
        expect(wanted.error).toMatch(/parse|process/);
        for (const most of [2, 8, 60, 100_000]) {
          const { events, error } = read(splits(bytes, random, most));
          expect({ events, error }).toEqual(wanted);
        }
      }
    }
  });

  it(`reads broken bytes as the parser does, and throws nothing else (SEED=${seed})`, () => {
    const random = randomOf(seed);
    for (const _ of range(600)) {
      const bytes = encoder.encode(stream(random));
      for (let flips = random(4); flips >= 0; flips--) bytes[random(bytes.length)] = random(256);
      const { events, error } = read([bytes]);
      expect({ events, error }).toEqual(alone(bytes));
      // The parser itself keeps other bytes of a line that is broken when it is split.
      const split = read(splits(bytes, random, 2 + random(200)));
      expect(split.error ?? "parse error").toMatch(/parse|process/);
    }
  });

  it.each(ours)("takes every whole message of subscription %i beside the parser", (sid) => {
    const text = `MSG a ${sid} 2\r\nhi\r\n`;
    const { reader } = read([encoder.encode(`PONG\r\n${text}PING\r\n${text}${text}`), encoder.encode(text)]);
    expect(reader.taken).toBe(4);
    expect(reader.events).toEqual([
      "5 ",
      told(sid, "a", "", -1, encoder.encode("hi")),
      "4 ",
      ...Array(3).fill(told(sid, "a", "", -1, encoder.encode("hi"))),
    ]);
  });

  it("goes on taking behind a message that was split, wherever", () => {
    const text = encoder.encode("MSG a 1 r 3\r\n\nhi\r\n");
    for (const at of range(text.length - 1)) {
      const rest = new Uint8Array([...text.subarray(at + 1), ...text, ...text]);
      const { reader } = read([text.subarray(0, at + 1), rest]);
      expect(reader.events).toHaveLength(3);
      expect(reader.taken).toBe(2);
    }
  });

  it("gives what is not ours to the parser in one piece", () => {
    const reader = new Reader();
    const chunk = encoder.encode("PONG\r\n" + "MSG a 2 2\r\nhi\r\n".repeat(100));
    const pieces = piecesFor(reader.parser);
    reader.read(chunk);
    expect(pieces).toHaveLength(1);
    expect(pieces[0]).toBe(chunk);
    expect(reader.events).toHaveLength(101);
  });

  it("gives a payload that was split to the parser in one piece, whatever is in it", () => {
    const reader = new Reader();
    const pieces = piecesFor(reader.parser);
    const bytes = encoder.encode(`MSG a 1 1000\r\n${"\n".repeat(1_000)}\r\n`);
    for (const [from, to] of [[0, 30], [30, 500], [500, 2_000]]) reader.read(bytes.subarray(from, to));
    expect(pieces.length).toBeLessThanOrEqual(4);
    expect(reader.events).toHaveLength(1);
  });

  it("takes nothing for a subscription that the server has ended before", () => {
    const text = "MSG a 3 2\r\nhi\r\n";
    const { reader } = read([encoder.encode(`${text}-ERR gone 3\r\n${text}`)]);
    expect(reader.taken).toBe(1);
    expect(reader.events).toHaveLength(3);
  });
});
