import { mkdir, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { eventMesh, type EventMeshVersion } from "./eventmesh_home.ts";
import { javaCommand, quickStart } from "./jvm.ts";
import { type RunningPeer, startPeer } from "./peer.ts";

/** What {@linkcode startEventMesh} takes. */
export interface EventMeshRuntimeOptions {
  readonly version: EventMeshVersion;
  /** The name server of RocketMQ, as `host:port`; without it messages are stored in the runtime itself. */
  readonly nameServer?: string | undefined;
  /** More lines of `eventmesh.properties`. They win. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** What its log tells. A line for each frame, at INFO, would be most of its work. @default {"WARN"} */
  readonly log?: "INFO" | "WARN" | "ERROR" | undefined;
  /** Options of the JVM. @default {those of a quick start, and 512 MiB} */
  readonly jvm?: readonly string[] | undefined;
}

/** A runtime of EventMesh in a process of its own. */
export interface EventMeshRuntime extends RunningPeer {
  readonly version: EventMeshVersion;
  /** Such as `eventmesh://127.0.0.1:20137`. */
  readonly url: string;
  /** The port of the TCP protocol. */
  readonly port: number;
  /** The port of the admin interface, which speaks HTTP. */
  readonly adminPort: number;
}

/** Starts a runtime of EventMesh, and resolves when it takes clients. */
export async function startEventMesh(
  { version, nameServer, properties = {}, log = "WARN", jvm = [...quickStart, "-Xmx512m"] }:
    EventMeshRuntimeOptions,
): Promise<EventMeshRuntime> {
  const { jars, plugins } = await eventMesh(version).install();
  const storage = nameServer === undefined ? "standalone" : "rocketmq";
  const started = await startPeer({
    name: `EventMesh runtime ${version}`,
    ports: 5,
    async command([tcp, http, admin, grpc, metrics], folder) {
      const files = {
        "eventmesh.properties": lines({
          ...settings(storage, folder),
          "eventMesh.server.tcp.port": tcp,
          "eventMesh.server.http.port": http,
          "eventMesh.server.admin.http.port": admin,
          "eventMesh.server.grpc.port": grpc,
          ...properties,
        }),
        "prometheus.properties": lines({ "eventMesh.metrics.prometheus.port": metrics }),
        "rocketmq-client.properties": lines({
          "eventMesh.server.rocketmq.namesrvAddr": nameServer,
          "eventMesh.server.rocketmq.cluster": "DefaultCluster",
          "eventMesh.server.rocketmq.accessKey": "key",
          "eventMesh.server.rocketmq.secretKey": "secret",
        }),
        "log4j2.xml": logging(log),
      };
      const conf = join(folder, "conf");
      await mkdir(conf);
      await mkdir(join(folder, "plugin"));
      for (const [name, text] of Object.entries(files)) await writeFile(join(conf, name), text);
      return javaCommand(
        [
          `-Dlog4j.configurationFile=${join(conf, "log4j2.xml")}`,
          `-Deventmesh.log.home=${join(folder, "logs")}`,
          `-DconfPath=${conf}`,
          `-DeventMeshPluginDir=${plugins ?? join(folder, "plugin")}`,
          "-Drocketmq.client.logUseSlf4j=true",
          // The client of RocketMQ keeps files in the home folder.
          `-Duser.home=${folder}`,
        ],
        [conf, ...jars].join(delimiter),
        "org.apache.eventmesh.runtime.boot.EventMeshStartup",
        [],
        jvm,
      );
    },
    ready: /server state:RUNNING/,
    listening: 3,
  });
  const [port, , adminPort] = started.ports as [number, number, number];
  return Object.assign(started, { version, url: `eventmesh://127.0.0.1:${port}`, port, adminPort });
}

/** What a runtime insists on, the plug-ins for what is turned off included. */
function settings(storage: string, folder: string): Record<string, string> {
  return {
    "eventMesh.server.idc": "DEFAULT",
    "eventMesh.server.env": "PRD",
    "eventMesh.server.cluster": "COMMON",
    "eventMesh.server.name": "EVENTMESH-runtime",
    "eventMesh.sysid": "0000",
    "eventMesh.server.provide.protocols": "HTTP,TCP,GRPC",
    "eventMesh.server.maxEventSize": "1000000",
    "eventMesh.server.session.upstreamBufferSize": "1000",
    "eventMesh.storage.plugin.type": storage,
    "eventMesh.server.security.enabled": "false",
    "eventMesh.security.plugin.type": "security",
    "eventMesh.metaStorage.plugin.enabled": "false",
    "eventMesh.metaStorage.plugin.type": "nacos",
    "eventMesh.metrics.plugin": "prometheus",
    "eventMesh.server.trace.enabled": "false",
    "eventMesh.trace.plugin": "zipkin",
    "eventMesh.server.retry.plugin.type": "default",
    "eventMesh.webHook.admin.start": "false",
    "eventMesh.webHook.operationMode": "file",
    "eventMesh.webHook.fileMode.filePath": join(folder, "webhook"),
    "eventMesh.webHook.nacosMode.serverAddr": "127.0.0.1:8848",
    "eventMesh.webHook.producer.storage": storage,
  };
}

function lines(properties: Readonly<Record<string, string | number | undefined>>): string {
  return Object.entries(properties).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}\n`).join("");
}

function logging(level: string): string {
  return `<Configuration status="error">
<Appenders><Console name="console"><PatternLayout pattern="%d{HH:mm:ss.SSS} %-5level [%t] %c{1} %msg%n"/></Console></Appenders>
<Loggers>
<Logger name="org.apache.eventmesh.runtime.boot.EventMeshServer" level="INFO"/>
<Root level="${level}"><AppenderRef ref="console"/></Root>
</Loggers>
</Configuration>
`;
}
