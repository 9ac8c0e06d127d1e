import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type Command, FrameDecoder } from "../../../lib/eventmesh/wire/mod.ts";

/** A frame that went by. */
export interface TappedFrame {
  readonly from: "client" | "server";
  readonly command: Command | undefined;
  readonly seq: string | undefined;
  readonly code: number;
}

/** One connection through a {@linkcode Tap}. */
export interface TappedConnection {
  readonly frames: readonly TappedFrame[];
}

/** Hands bytes on between clients and a server, and takes note of the frames in them. */
export interface Tap {
  readonly port: number;
  readonly connections: readonly TappedConnection[];
  close(): Promise<void>;
}

/** Starts a tap in front of a server. */
export async function startTap(port: number): Promise<Tap> {
  const connections: TappedConnection[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    // Whoever resets a connection does so on the other side, too.
    return socket.on("error", () => {}).on("close", () => sockets.delete(socket)).setNoDelay(true);
  };
  const server = createServer((client) => {
    const frames: TappedFrame[] = [];
    connections.push({ frames });
    const upstream = keep(connect(port, "127.0.0.1"));
    handOn(keep(client), upstream, "client", frames);
    handOn(upstream, client, "server", frames);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function handOn(source: Socket, target: Socket, from: TappedFrame["from"], frames: TappedFrame[]): void {
  const decoder = new FrameDecoder();
  source.on("data", (chunk: Uint8Array) => {
    target.write(chunk);
    decoder.push(chunk, ({ command, seq, code }) => frames.push({ from, command, seq, code }));
  });
  source.on("close", () => target.destroy());
}

/** How many frames of each seq of a command went by. */
export function countBySeq(frames: readonly TappedFrame[], command: Command): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const frame of frames) {
    if (frame.command !== command || frame.seq === undefined) continue;
    counts.set(frame.seq, (counts.get(frame.seq) ?? 0) + 1);
  }
  return counts;
}
