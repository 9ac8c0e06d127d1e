import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { ca, cert, key } from "../../support/certificate.ts";
import { cached } from "./cache.ts";
import { type Peer, peer } from "./needs.ts";
import { type RunningPeer, startPeer } from "./peer.ts";
import { freePorts } from "./ports.ts";
import { commandPath, runTool } from "./tools.ts";

/** A release, built by the Go tools; or what the machine has, such as the package of Debian. */
export type NatsVersion = "2.15.2" | "system";

/** The servers that tests know. */
export const natsVersions: readonly NatsVersion[] = ["2.15.2", "system"];

const servers: Readonly<Record<NatsVersion, Peer<string>>> = {
  "2.15.2": peer("nats-server 2.15.2 (Go module proxy)", () => built("2.15.2")),
  // deno-lint-ignore require-await
  system: peer("nats-server of the system", async () => {
    const { GRACEWIRE_NATS_SERVER: own } = process.env;
    return own || commandPath("nats-server");
  }),
};

/** A NATS server: `GRACEWIRE_NATS_SERVER` names the one of the system where it is not on the PATH. */
export function natsServer(version: NatsVersion): Peer<string> {
  return servers[version];
}

/** What {@linkcode startNats} takes. */
export interface NatsServerOptions {
  readonly version: NatsVersion;
  /** More of the server's configuration. */
  readonly config?: string | undefined;
  /** Demands TLS, with the certificate for tests. @default {false} */
  readonly tls?: boolean | "first" | undefined;
  /** Streams, stored in its folder. @default {false} */
  readonly jetstream?: boolean | undefined;
  /** The port of its clients. @default {a free one} */
  readonly port?: number | undefined;
}

/** A NATS server in a process of its own. */
export interface NatsServer extends RunningPeer {
  readonly url: string;
  readonly port: number;
}

/** Starts a server, and resolves when it takes clients. */
export async function startNats(options: NatsServerOptions): Promise<NatsServer> {
  const { version, config = "", tls = false, jetstream = false } = options;
  const binary = await natsServer(version).install();
  let chosen = 0;
  const started = await startPeer({
    name: `nats-server ${version}`,
    ports: 1,
    async command([port], folder) {
      chosen = options.port ?? port!;
      await Promise.all(
        [["ca.pem", ca], ["cert.pem", cert], ["key.pem", key]].map(([name, text]) =>
          writeFile(join(folder, name!), text!)
        ),
      );
      const lines = [
        `listen: "127.0.0.1:${chosen}"`,
        ...(tls === false ? [] : [
          `tls { cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem", ca_file: "${folder}/ca.pem"` +
          `${tls === "first" ? ", handshake_first: true" : ""} }`,
        ]),
        ...(jetstream ? [`jetstream { store_dir: "${folder}/streams" }`] : []),
        config,
      ];
      const file = join(folder, "nats.conf");
      await writeFile(file, lines.join("\n"));
      return { command: binary, args: ["-c", file] };
    },
    ready: /Server is ready/,
  });
  const scheme = tls === false ? "nats" : "nats+tls";
  return Object.assign(started, { port: chosen, url: `${scheme}://127.0.0.1:${chosen}` });
}

/** Starts three servers that know each other. Resolves when each has routes to all others. */
export async function startNatsCluster(
  { config = "", ...options }: NatsServerOptions,
): Promise<NatsServer[]> {
  const size = 3;
  const routes = await freePorts(size);
  const urls = routes.map((port) => `"nats-route://127.0.0.1:${port}"`).join(", ");
  const nodes = await Promise.all(routes.map((port, i) =>
    startNats({
      ...options,
      config: `server_name: "n${
        i + 1
      }"\ncluster { name: "test", listen: "127.0.0.1:${port}", routes: [${urls}] }\n${config}`,
    })
  ));
  await Promise.all(
    nodes.map(({ process }) => process.says(new RegExp(`(Route connection created[^]*){${size - 1}}`))),
  );
  return nodes;
}

/** The folder is made once, outside the tree; the module proxy is asked once. */
async function built(version: string): Promise<string> {
  const module = `github.com/nats-io/nats-server/v2@v${version}`;
  const folder = await cached("nats-server", module, async (target) => {
    await runTool("go", ["install", module], { GOBIN: target, GOFLAGS: "-mod=mod" });
  });
  return join(folder, "nats-server");
}
