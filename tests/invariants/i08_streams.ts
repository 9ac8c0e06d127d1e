import type { EventMeshOptions } from "../../lib/eventmesh/mod.ts";
import type { ListenTarget } from "../../lib/net/mod.ts";
import type { Rig, ServeFixture } from "../server/kit.ts";
import { ca } from "../support/certificate.ts";

/** Where a server listens on a kind of stream. */
export function listenTarget({ options: { path, tls } }: Rig): ListenTarget {
  return path === undefined ? { host: "127.0.0.1", port: 0, tls } : { path };
}

/** What an EventMesh client needs there. */
export function clientOptions({ kind }: ServeFixture): Pick<EventMeshOptions, "tls"> {
  return kind === "tls" ? { tls: { ca } } : {};
}
