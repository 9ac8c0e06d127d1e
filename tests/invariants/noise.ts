import diagnostics from "node:diagnostics_channel";
import process from "node:process";
import type { EndpointNews, EventLevel } from "../../lib/lifecycle/mod.ts";
import { channelTypes } from "../support/channels.ts";
import { watchUnhandled } from "../support/unhandled.ts";

/** One message of a diagnostics channel. */
export interface Heard {
  readonly type: EndpointNews["type"];
  readonly level: EventLevel;
  readonly endpoint: string;
  readonly error?: unknown;
}

/** Everything that the process says while somebody listens. */
export interface Noise {
  /** Events of all endpoints that are louder than `info`. */
  readonly loud: readonly Heard[];
  /** Events of all endpoints that are no louder. */
  readonly quiet: number;
  /** Unhandled rejections, uncaught exceptions, warnings of the runtime, and what was printed. */
  readonly alarms: readonly unknown[];
  end(): void;
}

const methods = ["debug", "log", "info", "warn", "error"] as const;

/** Listens to all channels of the library, and to whatever else a process can be loud with. */
export function listen(): Noise {
  const loud: Heard[] = [];
  const alarms: unknown[] = [];
  let quiet = 0;
  const onMessage = (message: unknown): void => {
    const heard = message as Heard;
    if (heard.level === "warn" || heard.level === "error") loud.push(heard);
    else quiet++;
  };
  const onWarning = (warning: unknown): void => void alarms.push(warning);
  const unhandled = watchUnhandled();
  const printing = methods.map((name) => [name, console[name]] as const);
  for (const [name] of printing) console[name] = (...words: unknown[]) => void alarms.push(words);
  for (const type of channelTypes) diagnostics.subscribe(`gracewire:${type}`, onMessage);
  process.on("warning", onWarning);
  return {
    loud,
    get quiet() {
      return quiet;
    },
    get alarms() {
      return [...alarms, ...unhandled.errors];
    },
    end() {
      for (const type of channelTypes) diagnostics.unsubscribe(`gracewire:${type}`, onMessage);
      for (const [name, print] of printing) console[name] = print;
      process.off("warning", onWarning);
      unhandled.end();
    },
  };
}

/** Runs a body and hands it what the process says meanwhile. */
export async function hearing(body: (noise: Noise) => Promise<void>): Promise<void> {
  const noise = listen();
  try {
    await body(noise);
  } finally {
    noise.end();
  }
}
