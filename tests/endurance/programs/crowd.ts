/**
 * Many clients that weigh next to nothing: a socket and two numbers each.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { encodeUserAgent, FrameWriter, type Header } from "../../../lib/eventmesh/wire/mod.ts";
import { obey } from "../commands.ts";

/** How the connections of a crowd have ended. */
interface Ends {
  /** The server has said goodbye exactly once. */
  told: number;
  /** FIN of the server. */
  ended: number;
  /** Reset by the server, or lost otherwise. */
  broken: number;
}

/** What the server is, for the clients. */
interface Tongue {
  /** Said first; `welcome` answers it. */
  readonly hello: Uint8Array;
  readonly welcome: string;
  readonly goodbye: string;
  /** Answers the goodbye of the server. */
  readonly answer: Uint8Array | undefined;
}

const hello = frame(
  { cmd: "HELLO_REQUEST", seq: "1000000001" },
  encodeUserAgent({
    ...{ env: "TEST", subsystem: "crowd", path: "/", pid: 1, host: "127.0.0.1", port: 0, version: "2.0" },
    ...{ username: "", password: "", idc: "IDC", group: "crowd", purpose: "sub" },
  }),
);

const tongues: Readonly<Record<string, Tongue>> = {
  // As many bytes in both, so that no server has had more to do than the other.
  echo: {
    hello: bytes("hello".padEnd(hello.length, ".")),
    welcome: "hello",
    goodbye: "bye\n",
    answer: undefined,
  },
  eventmesh: {
    hello,
    welcome: '"cmd":"HELLO_RESPONSE"',
    goodbye: '"cmd":"SERVER_GOODBYE_REQUEST"',
    answer: frame({ cmd: "SERVER_GOODBYE_RESPONSE", seq: "1000000002" }),
  },
};

/** Connections that are being made at a time. */
const hurry = 100;

const sockets = new Set<Socket>();
let ends: Ends = { told: 0, ended: 0, broken: 0 };
let onEmpty = (): void => {};

await obey({
  /** How many connections the system grants. */
  room() {
    const [, limit = "unlimited"] = /^Max open files\s+(\d+)/m.exec(limits()) ?? [];
    return limit === "unlimited" ? 10_000 : Math.max(0, Number(limit) - 100);
  },
  async open(port, count, tongue) {
    const start = performance.now();
    ends = { told: 0, ended: 0, broken: 0 };
    let left = Number(count);
    const open = async (): Promise<void> => {
      while (left-- > 0) await join(Number(port), tongues[tongue!]!);
    };
    await Promise.all(Array.from({ length: hurry }, open));
    return { open: sockets.size, took: performance.now() - start };
  },
  /** Ends all of them. */
  async leave() {
    for (const socket of sockets) socket.end();
    await gone();
    return ends;
  },
  /** Waits until the server has ended all of them. */
  async gone() {
    await gone();
    return ends;
  },
});

/** What the system grants this process, and those of the same user; nothing where it does not tell. */
function limits(): string {
  try {
    return readFileSync("/proc/self/limits", "utf8");
  } catch {
    return "";
  }
}

function gone(): Promise<void> {
  return new Promise((resolve) => {
    onEmpty = resolve;
    if (sockets.size === 0) resolve();
  });
}

/** Resolves when the server has let it in. */
function join(port: number, { answer, goodbye, hello, welcome }: Tongue): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    sockets.add(socket);
    let heard = "";
    let goodbyes = 0;
    let broken = false;
    socket.on("connect", () => socket.write(hello));
    socket.on("data", (chunk) => {
      heard += chunk.toString("latin1");
      if (heard.includes(welcome)) {
        heard = "";
        resolve();
      }
      for (let at = heard.indexOf(goodbye); at >= 0; at = heard.indexOf(goodbye)) {
        heard = heard.slice(at + goodbye.length);
        if (++goodbyes === 1 && answer !== undefined) socket.write(answer);
      }
    });
    socket.on("end", () => {
      ends.ended++;
      socket.end();
    });
    socket.on("error", () => broken = true);
    socket.on("close", () => {
      if (broken) ends.broken++;
      if (goodbyes === 1) ends.told++;
      sockets.delete(socket);
      resolve();
      if (sockets.size === 0) onEmpty();
    });
  });
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function frame(header: Header, body?: string): Uint8Array {
  const writer = new FrameWriter();
  writer.frame(header, body);
  return writer.take();
}
