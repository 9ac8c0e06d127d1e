import { constants } from "node:os";

/** A signal that a process can handle, such as `SIGTERM`. */
export type SignalName = Exclude<keyof typeof constants.signals, "SIGKILL" | "SIGSTOP">;

/** Refuses what is no signal, or cannot be handled: a TypeError. */
export function checkSignalNames(names: readonly SignalName[]): readonly SignalName[] {
  for (const name of names) {
    if (!Object.hasOwn(constants.signals, name) || `${name}` === "SIGKILL" || `${name}` === "SIGSTOP") {
      throw new TypeError(
        `Cannot use option "signals": expected names of signals like SIGTERM, got ${String(name)}`,
      );
    }
  }
  return [...new Set(names)];
}

/** What a shell makes of a process that was ended by the signal: 130 for SIGINT, 143 for SIGTERM. */
export function exitCodeOf(name: string): number {
  return 128 + (constants.signals[name as SignalName] ?? 0);
}
