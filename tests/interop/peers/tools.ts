import { accessSync, constants } from "node:fs";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, join } from "node:path";
import process from "node:process";
import { cached } from "./cache.ts";
import { startProcess } from "./process.ts";

/** The path of a command. @throws {Error} if there is none on the PATH. */
export function commandPath(command: string): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const home = process.env["JAVA_HOME"];
  if (home) folders.unshift(join(home, "bin"));
  const found = folders.filter((folder) => folder !== "").map((folder) => join(folder, command)).find(
    isExecutable,
  );
  if (found === undefined) throw new Error(`there is no ${command} on the PATH`);
  return found;
}

/**
 * Runs a tool to its end in a temporary folder, and resolves with its standard output. Rejects with all it has said if
 * it fails.
 */
export async function runTool(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const path = commandPath(command);
  const folder = await mkdtemp(join(tmpdir(), "gracewire-tool-"));
  const tool = startProcess({ name: command, folder, command: path, args, env });
  try {
    const { code, signal } = await tool.ended;
    if (code !== 0) throw new Error(`${command} failed: ${signal ?? `exit code ${code}`}\n${tool.said}`);
    return tool.stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A project file of Maven that depends on these, as `group:artifact:version`. */
export function pom(name: string, dependencies: readonly string[]): string {
  const lines = dependencies.map((dependency) => {
    const [group, artifact, version] = dependency.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return [
    `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>`,
    `<groupId>gracewire.peers</groupId><artifactId>${name}</artifactId><version>1</version>`,
    `<dependencies>\n${lines.join("\n")}\n</dependencies></project>\n`,
  ].join("\n");
}

/** The jars that a project of Maven needs at run time, fetched once; as paths. */
export async function mavenJars(name: string, project: string): Promise<string[]> {
  const folder = await cached(name, project, async (target) => {
    const file = join(target, "pom.xml");
    await writeFile(file, project);
    const fetch = (): Promise<string> =>
      runTool("mvn", [
        ...["-q", "-B", "-Dstyle.color=never", "-f", file, "dependency:copy-dependencies"],
        ...["-DincludeScope=runtime", `-DoutputDirectory=${target}`],
      ]);
    // Two processes of Maven may get in each other's way in the repository that they share: the second try finds peace.
    await fetch().catch(fetch);
  });
  return await jarsIn(folder);
}

/** The jars in a folder, sorted. */
export async function jarsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".jar")).sort().map((name) => join(folder, name));
}

/** The folder with the classes of a Java source file, compiled once. */
export async function compiled(source: string, text: string, classPath: string): Promise<string> {
  const name = basename(source, ".java");
  return await cached(`java-${name}`, `${text}\n${classPath}`, async (target) => {
    await copyFile(source, join(target, basename(source)));
    await runTool("javac", [
      ...["-nowarn", "-proc:none", "-encoding", "UTF-8", "-cp", classPath, "-d", target],
      join(target, basename(source)),
    ]);
  });
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
