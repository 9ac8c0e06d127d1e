import process from "node:process";

/** The runtime that runs the tests. */
export const runtime: "node" | "bun" | "deno" = process.versions["bun"] !== undefined
  ? "bun"
  : process.versions["deno"] !== undefined
  ? "deno"
  : "node";

/** Its version, such as `20.20.2`. */
export const version: string = process.versions[runtime] ?? "unknown";

/** What a runtime or a system does differently, each with its reason. Tests ask here and nowhere else. */
export const differs: {
  /** Only Linux lists the descriptors of a process as files. */
  readonly hidesDescriptors: boolean;
  /** Windows has named pipes in the place of unix sockets. */
  readonly lacksUnixSockets: boolean;
  /** Deno 2.9 opens nameless unix sockets of its own at any time, about half a second after its start for instance. */
  readonly opensUnixSockets: boolean;
  /** Bun 1.4 ignores `backlog` of `listen`: it is always 512. */
  readonly ignoresBacklog: boolean;
  /**
   * Out of descriptors, Node closes what it accepts at once, Bun 1.4 leaves it in the queue and asks for it all the time,
   * and Deno 2.9 accepts nothing more for ever, without a word, or panics.
   */
  readonly withoutDescriptors: "closes" | "queues" | "breaks";
  /** Node parses `await using` from version 24 on. */
  readonly lacksUsing: boolean;
} = {
  hidesDescriptors: process.platform !== "linux",
  lacksUnixSockets: process.platform === "win32",
  opensUnixSockets: runtime === "deno",
  ignoresBacklog: runtime === "bun",
  withoutDescriptors: ({ node: "closes", bun: "queues", deno: "breaks" } as const)[runtime],
  lacksUsing: runtime === "node" && Number.parseInt(version) < 24,
};
