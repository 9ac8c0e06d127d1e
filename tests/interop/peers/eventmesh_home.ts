import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import process from "node:process";
import { type Peer, peer } from "./needs.ts";
import { commandPath, jarsIn, mavenJars } from "./tools.ts";

/** Versions of the runtime that tests run against. */
export type EventMeshVersion = "1.11.0" | "1.12.0";

/** Where a runtime is. */
export interface EventMeshHome {
  readonly jars: readonly string[];
  /** The folder of its plug-ins, where those are not among the jars. */
  readonly plugins: string | undefined;
}

/**
 * The runtime, from the folder that `GRACEWIRE_EVENTMESH` names: either `eventmesh-VERSION.jar` for each version and the
 * `pom.xml` of what they need, or an unpacked official distribution with `apps`, `lib` and `plugin`.
 */
export function eventMesh(version: EventMeshVersion): Peer<EventMeshHome> {
  return homes[version];
}

async function find(version: EventMeshVersion): Promise<EventMeshHome> {
  const named = process.env["GRACEWIRE_EVENTMESH"];
  if (!named) throw new Error("GRACEWIRE_EVENTMESH names no folder with EventMesh");
  const folder = resolve(named);
  if (!existsSync(folder)) throw new Error(`GRACEWIRE_EVENTMESH names ${folder}, which is not there`);
  commandPath("java");
  const home = existsSync(join(folder, "apps"))
    ? await distribution(folder, version)
    : await flat(folder, version);
  // One back end for the log: the one that is configured.
  return { ...home, jars: home.jars.filter((jar) => !/logback/.test(jar)) };
}

async function flat(folder: string, version: EventMeshVersion): Promise<EventMeshHome> {
  const jar = join(folder, `eventmesh-${version}.jar`);
  const project = join(folder, "pom.xml");
  for (const file of [jar, project]) if (!existsSync(file)) throw new Error(`${file} is not there`);
  const others = await mavenJars("eventmesh", await readFile(project, "utf8"));
  return { jars: [jar, ...others], plugins: undefined };
}

async function distribution(folder: string, version: EventMeshVersion): Promise<EventMeshHome> {
  const apps = join(folder, "apps");
  const runtimes = (await readdir(apps)).filter((name) => name.startsWith("eventmesh-runtime-"));
  if (!runtimes.some((name) => name.startsWith(`eventmesh-runtime-${version}`))) {
    throw new Error(`${apps} holds ${runtimes.join(", ") || "no runtime"}`);
  }
  return {
    jars: [...await jarsIn(apps), ...await jarsIn(join(folder, "lib"))],
    plugins: join(folder, "plugin"),
  };
}

const homes: Record<EventMeshVersion, Peer<EventMeshHome>> = {
  "1.11.0": peer("EventMesh runtime 1.11.0", () => find("1.11.0")),
  "1.12.0": peer("EventMesh runtime 1.12.0", () => find("1.12.0")),
};
