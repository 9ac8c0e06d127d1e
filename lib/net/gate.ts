import type { Socket } from "node:net";
import process from "node:process";

/** Stops and resumes the reading of a socket, so that its peer feels it. */
export interface Gate {
  /** Chunks and the end may still arrive for a while after a close: whoever closes the gate holds them. */
  close(socket: Socket): void;
  open(socket: Socket): void;
}

/**
 * The gate of a connected, paused socket.
 *
 * Deno 2.9 reads a TLS socket on while it is paused, without a bound, and can lose the end of the stream when it arrives
 * meanwhile: its TLS layer stops handing over, not reading. There the stream is left to flow, and the TCP handle under
 * the TLS layer is stopped instead.
 */
export function gateOf(socket: Socket): Gate {
  if (process.versions["deno"] === undefined || nativeHandle(socket) === undefined) return plainGate;
  nativeGate.close(socket);
  socket.resume();
  return nativeGate;
}

const plainGate: Gate = {
  close: (socket) => void socket.pause(),
  open: (socket) => void socket.resume(),
};

const nativeGate: Gate = {
  close: (socket) => nativeHandle(socket)?.readStop(),
  open: (socket) => nativeHandle(socket)?.readStart(),
};

interface NativeHandle {
  readStart(): void;
  readStop(): void;
}

/** Not public: should a later Deno move it, its sockets are paused in the ordinary way. */
function nativeHandle(socket: Socket): NativeHandle | undefined {
  const handle = (socket as { _handle?: { _nativeTcpHandle?: Partial<NativeHandle> | null } | null })._handle;
  const native = handle?._nativeTcpHandle;
  const usable = typeof native?.readStart === "function" && typeof native.readStop === "function";
  return usable ? native as NativeHandle : undefined;
}
