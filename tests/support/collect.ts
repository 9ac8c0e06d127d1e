import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let gc: (() => void) | undefined;

/** Collects everything that nobody refers to. */
export function collect(): void {
  const { Bun } = globalThis as { Bun?: { gc(synchronously: boolean): void } };
  if (Bun !== undefined) return Bun.gc(true);
  gc ??= exposed();
  gc();
}

/** The collector of V8, which shows itself only to contexts that are made after it was asked to. */
function exposed(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as () => void;
}
