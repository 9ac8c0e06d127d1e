import { type Command, FrameDecoder, type Packet } from "../../lib/eventmesh/wire/mod.ts";
import { type Counted, type Network, systemNetwork, type Transport } from "../../lib/net/mod.ts";

/** One frame on a stream. */
export interface Frame {
  readonly to: "client" | "server";
  readonly command: Command | undefined;
  readonly seq: string | undefined;
  readonly code: number;
  readonly bodyLength: number;
}

/** All frames of one stream, in the order in which this end has sent and received them. */
export interface TappedStream {
  readonly local: string;
  readonly remote: string;
  readonly frames: readonly Frame[];
}

/** The system's network, which remembers every frame of an EventMesh client. */
export interface TappedNetwork extends Network, Counted {
  readonly streams: readonly TappedStream[];
}

/** Makes one. `edit` may put other bytes of the same length in the place of those that are sent. */
export function tappedNetwork(edit: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes): TappedNetwork {
  const inner = systemNetwork();
  const streams: TappedStream[] = [];
  return {
    ...inner,
    streams,
    async dial(target, options) {
      const transport = await inner.dial(target, options);
      streams.push(tapped(transport, edit));
      return transport;
    },
  };
}

function tapped(transport: Transport, edit: (bytes: Uint8Array) => Uint8Array): TappedStream {
  const frames: Frame[] = [];
  const see = (to: Frame["to"]): (bytes: Uint8Array) => void => {
    const decoder = new FrameDecoder();
    const seen = ({ command, seq, code, bodyLength }: Packet): void => {
      frames.push({ to, command, seq, code, bodyLength });
    };
    return (bytes) => decoder.push(bytes, seen);
  };
  const [sees, saw] = [see("server"), see("client")];
  const write = transport.write.bind(transport);
  const start = transport.start.bind(transport);
  transport.write = (bytes) => {
    const edited = edit(bytes);
    sees(edited.slice());
    return write(edited);
  };
  transport.start = (handler) =>
    start({
      ...handler,
      data(chunk) {
        saw(chunk);
        handler.data(chunk);
      },
      end: () => handler.end(),
      drain: () => handler.drain(),
    });
  return { local: transport.local, remote: transport.remote, frames };
}

/** Sequence numbers of the pushes on a stream that came before our goodbye and were not acknowledged there. */
export function unacknowledged({ frames }: TappedStream): (string | undefined)[] {
  const goodbye = frames.findIndex(({ command }) => command === "CLIENT_GOODBYE_REQUEST");
  const acks = new Set(frames.filter(isAck).map(({ seq }) => seq));
  const due = goodbye < 0 ? frames : frames.slice(0, goodbye);
  return due.filter(isPush).map(({ seq }) => seq).filter((seq) => !acks.has(seq));
}

/** Sequence numbers of acknowledgements on a stream of what it has never brought, or of what was acknowledged before. */
export function strayAcks({ frames }: TappedStream): (string | undefined)[] {
  const due = new Set<string | undefined>();
  const stray: (string | undefined)[] = [];
  for (const frame of frames) {
    if (isPush(frame)) due.add(frame.seq);
    else if (isAck(frame) && !due.delete(frame.seq)) stray.push(frame.seq);
  }
  return stray;
}

/**
 * Addresses of the streams that were cut between hello and its answer. The runtime hears of the end of such a stream
 * before it has made the session, as threads of their own do both, and keeps the session until it has missed its
 * heartbeats.
 */
export function cutInHello({ streams }: TappedNetwork): string[] {
  const cut = streams.filter((stream) => count(stream, "HELLO_REQUEST") > count(stream, "HELLO_RESPONSE"));
  return cut.map(({ local }) => local);
}

/** Frames of one command on a stream. */
export function count({ frames }: TappedStream, command: Command): number {
  return frames.filter((frame) => frame.command === command).length;
}

function isPush({ command }: Frame): boolean {
  return command?.endsWith("_MESSAGE_TO_CLIENT") === true;
}

function isAck({ command }: Frame): boolean {
  return command?.endsWith("_MESSAGE_TO_CLIENT_ACK") === true;
}
