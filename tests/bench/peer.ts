// What the bench needs of the launchers of the interoperability tests, for a driver that cannot load TypeScript:
//   eventmesh   starts the runtime; says where it is and its process, and stops it at the end of standard input
//   java        compiles Bench.java; says with which command it is started
import process from "node:process";
import { javaProgram, startEventMesh } from "../interop/peers/mod.ts";

/** Both are to run fast, rather than to start soon: with the compilers and the collector that a JVM chooses by itself. */
const jvm = ["-Xms512m", "-Xmx512m"];
const version = "1.12.0";

const starts: Record<string, () => Promise<void>> = {
  async eventmesh() {
    const runtime = await startEventMesh({ version, jvm, log: "ERROR" });
    console.log(JSON.stringify({ address: runtime.url, port: runtime.port, pid: runtime.process.pid }));
    for await (const _chunk of process.stdin);
    await runtime.stop();
  },
  async java() {
    const source = new URL("./java/Bench.java", import.meta.url);
    console.log(JSON.stringify(await javaProgram(source, { sdk: version, jvm })));
  },
};

try {
  await starts[process.argv[2]!]!();
  process.exit(0);
} catch (error) {
  console.log(JSON.stringify({ missing: error instanceof Error ? error.message : String(error) }));
  process.exit(0);
}
