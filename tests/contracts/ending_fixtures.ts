import { serve, type ServerConnection } from "../../lib/server/mod.ts";
import type { Transport } from "../../lib/net/mod.ts";
import type { LeakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import type { OpenEndpoint } from "./endpoint.ts";
import type { EndingFixture } from "./ending.ts";
import { Line } from "./fixture_line.ts";
import { FixturePeer } from "./fixture_peer.ts";
import { Session } from "./fixture_session.ts";
import type { Ground } from "./grounds.ts";
import { Work } from "./work.ts";

/** One connection of a server. */
export function acceptedEnding(gate: LeakGate, ground: Ground): EndingFixture {
  return { mortal: true, peer: true, open: () => openAccepted(gate, ground) };
}

/** A session of the smallest protocol, on a stream of its own or on one that was lent. */
export function sessionEnding(gate: LeakGate, ground: Ground, whose: "owned" | "borrowed"): EndingFixture {
  return {
    mortal: true,
    peer: true,
    open: () => openPeerSession(gate, ground, whose),
    opening: () => openPeerSession(gate, ground, whose, true),
  };
}

async function openAccepted(gate: LeakGate, ground: Ground): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const accepted: ServerConnection[] = [];
  const work = new Work();
  let idle = true;
  const server = await serve(async (connection) => {
    accepted.push(connection);
    for await (const chunk of connection.readable) idle &&= chunk.byteLength === 0;
    if (!idle) await work.until(connection.signal);
  }, { network, ...ground.server });
  const { host, port } = server.address as { host: string; port: number };
  const client: Transport = await network.dial({ host, port, ...ground.client }, {});
  client.start({ data() {}, end: () => client.end(), drain() {} });
  await until(() => accepted.length === 1, { what: "the connection to be accepted" });
  return {
    endpoint: accepted[0]!,
    async occupy() {
      client.write(new Uint8Array(1));
      await until(() => !idle, { what: "the byte to be read" });
    },
    release: () => work.release(),
    peerGoodbye: () => client.end(),
    lose: () => client.reset(),
    end: () => server.goodbye({ grace: 0 }),
  };
}

async function openPeerSession(
  gate: LeakGate,
  ground: Ground,
  whose: "owned" | "borrowed",
  late = false,
): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const peer = await FixturePeer.start(network);
  const line = new Line(await network.dial(peer.target, {}));
  peer.late = late;
  const session = new Session(line, { id: line.nextId(), owned: whose === "owned" });
  const opened = session.open();
  if (late) opened.catch(() => {});
  else await opened;
  const mute = (on: boolean): void => {
    for (const theirs of peer.lines.keys()) theirs.mute = on;
  };
  return {
    endpoint: session,
    occupy() {
      mute(true);
      void session.ping().catch(() => {});
      return Promise.resolve();
    },
    release: () => mute(false),
    peerGoodbye: () => [...peer.sessions].forEach((one) => void one.goodbye()),
    lose: () => line.transport.destroy(),
    async end() {
      line.transport.destroy();
      await line.closed;
      await peer.goodbye();
    },
  };
}
