import type { SequenceTable } from "../flow/table.ts";
import type { WheelNode, WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { Copy } from "./copy.ts";
import type { DropCause, Ledger } from "./ledger.ts";
import type { Memory } from "./memory.ts";

/** The settings that queues and deliveries go by. */
export interface DeliverySettings {
  /** Milliseconds. */
  readonly ackTimeout: number;
  readonly maxDeliveries: number;
  /** Milliseconds. */
  readonly groupExpiry: number;
  /** Copies per group and topic. */
  readonly queue: number;
  /** Outstanding pushes per session. */
  readonly unackedPerSession: number;
}

/** Sets deadlines. */
export interface Timers {
  add(delay: number, target: WheelTarget): WheelTimer;
}

/** Sets deadlines of those that lie on the wheel themselves: see {@linkcode WheelNode}. */
export interface Alarms {
  /** `time`: now, as the caller knows it. */
  set(node: WheelNode, delay: number, time: number): void;
  clear(node: WheelNode): void;
}

/** What all queues, sessions and requests of one broker share. */
export interface Context {
  readonly settings: DeliverySettings;
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly timers: Timers;
  /** Sets deadlines of those that call `tick` themselves when theirs has come. */
  readonly alarms: Alarms;
  /** Pushes that are not acknowledged, by their sequence number, which is unique within the broker. */
  readonly flights: SequenceTable<Copy>;
  /** When the input at hand came in, in milliseconds: asking the clock for every message costs more than queueing it. */
  readonly time: number;
  /** The broker is ending: nothing leaves a queue any more. */
  readonly paused: boolean;
  /** An input comes next. */
  tick(): void;
  /** The sequence number of the next push. */
  nextSeq(): number;
  /** Something was acknowledged, answered, returned or dropped. */
  changed(): void;
  /** A copy was dropped that somebody may miss. */
  lost(cause: DropCause): void;
}
