import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { javaCommand } from "./jvm.ts";
import { type Peer, peer } from "./needs.ts";
import { type RunningPeer, startPeer } from "./peer.ts";
import type { Command } from "./process.ts";
import { createTopic } from "./rocketmq_admin.ts";
import { commandPath, mavenJars, pom } from "./tools.ts";

/** RocketMQ, through Maven; resolves with its jars. */
export const rocketMq: Peer<readonly string[]> = peer("RocketMQ 4.9.5", async () => {
  commandPath("java");
  return await mavenJars(
    "rocketmq",
    pom(
      "rocketmq",
      ["rocketmq-broker", "rocketmq-namesrv"].map((artifact) => `org.apache.rocketmq:${artifact}:4.9.5`),
    ),
  );
});

/** A name server and a broker of RocketMQ, in processes of their own. */
export interface RocketMq {
  /** As `host:port`. */
  readonly nameServer: string;
  /** The broker alone. */
  readonly broker: RunningPeer;
  /** Creates topics, with 4 queues each. EventMesh needs them before they are first used. */
  createTopics(...names: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

/** Starts RocketMQ, and resolves when it takes clients. */
export async function startRocketMq(): Promise<RocketMq> {
  const jars = await rocketMq.install();
  const names = await startPeer({
    name: "RocketMQ name server",
    ports: 1,
    command: ([port], folder) => command(jars, folder, "namesrv.NamesrvStartup", { listenPort: port! }),
    ready: /boot success/,
  });
  const nameServer = `127.0.0.1:${names.ports[0]}`;
  try {
    const broker = await startPeer({
      name: "RocketMQ broker",
      ports: 2,
      command: ([port, replica], folder) =>
        command(jars, folder, "broker.BrokerStartup", {
          brokerClusterName: "DefaultCluster",
          brokerName: "broker-a",
          brokerId: 0,
          brokerIP1: "127.0.0.1",
          listenPort: port!,
          haListenPort: replica!,
          namesrvAddr: nameServer,
          flushDiskType: "ASYNC_FLUSH",
          storePathRootDir: join(folder, "store"),
          storePathCommitLog: join(folder, "store/commitlog"),
          mappedFileSizeCommitLog: 16_777_216,
          mappedFileSizeConsumeQueue: 60_000,
        }),
      ready: /boot success/,
    });
    return {
      nameServer,
      broker,
      async createTopics(...topics) {
        for (const topic of topics) await createTopic(broker.ports[0]!, topic);
      },
      async stop() {
        await Promise.all([broker.stop(), names.stop()]);
      },
    };
  } catch (error) {
    await names.stop();
    throw error;
  }
}

async function command(
  jars: readonly string[],
  folder: string,
  main: string,
  settings: Readonly<Record<string, string | number>>,
): Promise<Command> {
  const conf = join(folder, "conf");
  await mkdir(conf);
  const file = join(conf, "settings.conf");
  await writeFile(file, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(""));
  for (const part of ["namesrv", "broker"]) {
    await writeFile(
      join(conf, `logback_${part}.xml`),
      `<configuration><root level="WARN"/></configuration>\n`,
    );
  }
  const java = javaCommand(
    [
      "-Xmx512m",
      "-XX:MaxDirectMemorySize=512m",
      `-Duser.home=${folder}`,
      // Its key pair would be made at each start.
      "-Dtls.server.mode=disabled",
      "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
      "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
      "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
      "--add-opens=java.base/java.nio=ALL-UNNAMED",
    ],
    jars.join(delimiter),
    `org.apache.rocketmq.${main}`,
    ["-c", file],
  );
  return { ...java, env: { ROCKETMQ_HOME: folder } };
}
