import type { Command } from "./process.ts";
import { commandPath } from "./tools.ts";

/**
 * Options with which a Java program starts soon rather than runs fast, and needs one processor: RocketMQ starts in half
 * the time.
 */
export const quickStart: readonly string[] = [
  "-XX:TieredStopAtLevel=1",
  "-XX:+UseSerialGC",
  "-Xshare:auto",
  "-XX:-UsePerfData",
];

/** A command that starts a Java program. */
export function javaCommand(
  options: readonly string[],
  classPath: string,
  main: string,
  args: readonly string[] = [],
  jvm: readonly string[] = quickStart,
): Command {
  return { command: commandPath("java"), args: [...jvm, ...options, "-cp", classPath, main, ...args] };
}
