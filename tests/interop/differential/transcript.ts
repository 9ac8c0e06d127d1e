import type { Received } from "./frames.ts";
import { type End, type Forecast, Line } from "./line.ts";
import { type Case, Stage } from "./stage.ts";

/** A frame without what is different every time: times, addresses, the numbers of pushes. */
export interface Answer {
  readonly cmd: string;
  readonly code: number;
  readonly desc: string | undefined;
  readonly properties: Readonly<Record<string, unknown>>;
  /** What else is in the header; empty as long as a server speaks the protocol. */
  readonly others: Readonly<Record<string, unknown>>;
  /** Parsed when it is JSON. */
  readonly body: unknown;
}

/** What one server answered to one script: by what the script did, in its order. */
export interface Transcript {
  readonly answers: ReadonlyMap<string, readonly Answer[]>;
  readonly ends: ReadonlyMap<string, End>;
}

/** Plays scripts to the server on a port: those of a lane one after the other, the lanes at the same time. */
export async function play(
  lanes: readonly (readonly Case[])[],
  port: number,
  forecast?: (script: string) => Forecast,
): Promise<Map<string, Transcript>> {
  const all = new Map<string, Transcript>();
  await Promise.all(lanes.map(async (cases) => {
    const witness = await Line.dial("witness", port);
    try {
      for (const script of cases) {
        all.set(script.name, await playOne(script, port, witness, forecast?.(script.name)));
      }
    } finally {
      await witness.destroy();
    }
  }));
  return all;
}

async function playOne(
  { name, play }: Case,
  port: number,
  witness: Line,
  forecast: Forecast | undefined,
): Promise<Transcript> {
  const mark = `${name}-${crypto.randomUUID().slice(0, 8)}`;
  const stage = new Stage(port, mark, witness, forecast);
  try {
    await play(stage);
    await stage.settled();
    return transcript(stage, mark);
  } catch (error) {
    throw new Error(`Script "${name}" failed: ${(error as Error).message}`, { cause: error });
  } finally {
    await stage.strike();
  }
}

function transcript(stage: Stage, mark: string): Transcript {
  const answers = new Map<string, Answer[]>();
  const ends = new Map<string, End>();
  for (const line of stage.lines) {
    for (const exchange of line.script) {
      answers.set(exchange.label, exchange.answers.map((one) => answerOf(one, mark)));
    }
    answers.set(line.label("pushes"), line.pushes.map((one) => answerOf(one, mark)));
    for (const [label, end] of line.noted) ends.set(label, end);
    ends.set(line.label("end"), line.end);
  }
  return { answers, ends };
}

function answerOf({ header, body }: Received, mark: string): Answer {
  const { cmd, code, command, desc, properties, seq, ...others } = header;
  return {
    cmd: String(cmd),
    code: Number(code),
    desc: steady("desc", desc, mark) as string | undefined,
    properties: sorted(properties, "", mark) as Record<string, unknown>,
    others: {
      ...others,
      ...command === cmd ? {} : { command },
      ...seq === undefined ? { seq: "missing" } : {},
    },
    body: body === "" ? undefined : sorted(parse(body), "", mark),
  };
}

/** An answer in one line. */
export function show({ body, cmd, code, desc, others, properties }: Answer): string {
  const parts: unknown[] = [cmd, code];
  if (desc !== undefined) parts.push(desc);
  for (const object of [others, properties]) {
    if (Object.keys(object).length > 0) parts.push(JSON.stringify(object));
  }
  if (body !== undefined) parts.push(JSON.stringify(body));
  return parts.join(" ");
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}

/** Objects with their members in order, and steady values. */
function sorted(value: unknown, name: string, mark: string): unknown {
  if (Array.isArray(value)) return value.map((item) => sorted(item, name, mark));
  if (typeof value !== "object" || value === null) return steady(name, value, mark);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member, name, mark)]));
}

/** Times, addresses, identities and the places in somebody's source code are different every time. */
function steady(name: string, value: unknown, mark: string): unknown {
  if (typeof value !== "string") return value;
  if (name.endsWith("timestamp")) return "<time>";
  if (name === "correlation99id" || name === "reply99to99client") return "<identity>";
  if (name.endsWith("ip")) return "<address>";
  // It is empty for an exception that Java has seen too often.
  if (name === "desc" && /^\[([a-z.]+\..*)?\]$/s.test(value)) return "<stack trace>";
  if (value.length > 1_000) return `<${value.length} characters>`;
  return value.replaceAll(mark, "*");
}
