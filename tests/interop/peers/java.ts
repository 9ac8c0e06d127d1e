import { readFile } from "node:fs/promises";
import { basename, delimiter } from "node:path";
import { fileURLToPath } from "node:url";
import { eventMesh } from "./eventmesh_home.ts";
import { javaCommand, quickStart } from "./jvm.ts";
import { type Peer, peer } from "./needs.ts";
import { type RunningPeer, startPeer } from "./peer.ts";
import type { Command } from "./process.ts";
import { commandPath, compiled, mavenJars, pom } from "./tools.ts";

/** Versions of the Java SDK that tests run against. */
export type JavaSdkVersion = "1.10.0" | "1.11.0" | "1.12.0";

/** The Java SDK of EventMesh: 1.10.0 through Maven, the others from the folder of the runtime. Resolves with its jars. */
export function javaSdk(version: JavaSdkVersion): Peer<readonly string[]> {
  return sdks[version];
}

/** What {@linkcode startJava} takes. */
export interface JavaOptions {
  /** The version of the SDK that it is compiled with. */
  readonly sdk: JavaSdkVersion;
  readonly args?: readonly string[] | undefined;
  /** What it says when it is ready. @default {any output} */
  readonly ready?: RegExp | undefined;
  /** Options of the JVM. @default {those of a quick start, and 256 MiB} */
  readonly jvm?: readonly string[] | undefined;
}

/**
 * Compiles a Java program of one file, once, and starts it. It may use the Java SDK and what comes with it; `process.type`
 * writes to its standard input.
 */
export async function startJava(source: URL, options: JavaOptions): Promise<RunningPeer> {
  const command = await javaProgram(source, options);
  return await startPeer({
    name: `${basename(fileURLToPath(source))} on Java SDK ${options.sdk}`,
    command: () => command,
    ready: options.ready ?? /./,
    input: true,
  });
}

/** Compiles a Java program of one file, once. Resolves with the command that starts it. */
export async function javaProgram(
  source: URL,
  { sdk, args = [], jvm = [...quickStart, "-Xmx256m"] }: JavaOptions,
): Promise<Command> {
  const classPath = (await javaSdk(sdk).install()).join(delimiter);
  const file = fileURLToPath(source);
  const classes = await compiled(file, await readFile(file, "utf8"), classPath);
  return javaCommand([], `${classes}${delimiter}${classPath}`, basename(file, ".java"), args, jvm);
}

async function ofMaven(version: string): Promise<string[]> {
  commandPath("java");
  commandPath("javac");
  return await mavenJars(
    "java-sdk",
    pom("java-sdk", [
      `org.apache.eventmesh:eventmesh-sdk-java:${version}-release`,
      // A back end for its log.
      "org.apache.logging.log4j:log4j-core:2.17.1",
      "org.apache.logging.log4j:log4j-slf4j-impl:2.17.1",
    ]),
  );
}

async function ofRuntime(version: "1.11.0" | "1.12.0"): Promise<readonly string[]> {
  const { jars, plugins } = await eventMesh(version).install();
  commandPath("javac");
  if (plugins !== undefined && !jars.some((jar) => basename(jar).startsWith("eventmesh-sdk-java"))) {
    throw new Error("this distribution of EventMesh holds no eventmesh-sdk-java");
  }
  return jars;
}

const sdks: Record<JavaSdkVersion, Peer<readonly string[]>> = {
  "1.10.0": peer("EventMesh Java SDK 1.10.0", () => ofMaven("1.10.0")),
  "1.11.0": peer("EventMesh Java SDK 1.11.0", () => ofRuntime("1.11.0")),
  "1.12.0": peer("EventMesh Java SDK 1.12.0", () => ofRuntime("1.12.0")),
};
