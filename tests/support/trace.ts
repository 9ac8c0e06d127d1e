import diagnostics from "node:diagnostics_channel";
import { afterAll, afterEach, beforeEach } from "vitest";
import { channelTypes } from "./channels.ts";
import { type TraceMessage, TraceReader } from "./grammar.ts";

/** Every channel there is, held for good: Bun lets go of one that nobody holds. */
const channels = channelTypes.map((kind) => diagnostics.channel(`gracewire:${kind}`));

const violations: string[] = [];
let excused: string | undefined;
let watching = false;
const reader: TraceReader = new TraceReader((violation) => {
  if (excused === undefined) violations.push(violation);
});

/**
 * Watches all endpoints of a test file, and fails the test during which one of them did not end as it must. A setup file
 * calls it; no test has to.
 */
export function traceGate(): void {
  // Files share a process, and this module: one who listens is enough.
  if (!watching) watchTraces((message) => reader.read(message));
  watching = true;
  beforeEach(() => excused = undefined);
  afterEach(judge);
  // What ends after the last test, in a hook of the file.
  afterAll(judge);
}

/** Lets the running test break the rules; the reason is for whoever reads the test. */
export function excuseTrace(reason: string): void {
  excused = reason;
}

/** Endpoints of this file that have ended so far. */
export function tracedEnds(): number {
  return reader.ended;
}

/** Subscribes to everything that endpoints tell; returns what ends that. */
export function watchTraces(listener: (message: TraceMessage) => void): () => void {
  const listen = (message: unknown): void => listener(message as TraceMessage);
  for (const { name } of channels) diagnostics.subscribe(name, listen);
  return () => {
    for (const { name } of channels) diagnostics.unsubscribe(name, listen);
  };
}

function judge(): void {
  const deaf = channels.filter(({ name }) => !diagnostics.hasSubscribers(name)).map(({ name }) =>
    String(name)
  );
  if (deaf.length > 0) throw new Error(`Nobody listens to ${deaf.join(", ")} any longer`);
  const found = violations.splice(0);
  if (found.length === 0) return;
  const more = found.length > shown ? [`and ${found.length - shown} more`] : [];
  throw new Error(["An end was not in order", ...found.slice(0, shown), ...more].join("\n\n"));
}

/** Violations that a failure tells in full. */
const shown = 5;
