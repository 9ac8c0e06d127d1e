import { createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";

/** A server that says INFO in clear, and goes on with TLS. */
export interface TlsServer {
  readonly url: string;
  /** What came before or beside TLS, as text. */
  readonly clear: string;
  /** Clients that have begun a handshake. */
  readonly handshakes: number;
  close(): Promise<void>;
}

/** Starts one: with a certificate, or one that never answers a handshake. `behind` follows INFO in clear. */
export async function startTlsServer(
  how: { cert: string; key: string } | "silent",
  behind = "",
): Promise<TlsServer> {
  const sockets = new Set<Socket>();
  let clear = "";
  let handshakes = 0;
  const info = `INFO {"version":"2.15.2","max_payload":1048576,"headers":true,"tls_required":true}\r\n`;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    socket.write(info + behind);
    if (how === "silent") {
      socket.once("data", () => handshakes++);
      socket.resume();
      return;
    }
    const secure = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(how) });
    secure.on("error", () => socket.destroy());
    secure.once("secure", () => handshakes++);
    secure.on("data", (chunk: Uint8Array) => {
      const text = new TextDecoder().decode(chunk);
      for (let i = text.split("PING\r\n").length; i > 1; i--) secure.write("PONG\r\n");
    });
  });
  server.on("connection", (socket: Socket) => {
    if (how !== "silent") return;
    socket.on("data", (chunk: Uint8Array) => clear += new TextDecoder().decode(chunk));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    url: `nats+tls://127.0.0.1:${port}`,
    get clear() {
      return clear;
    },
    get handshakes() {
      return handshakes;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
