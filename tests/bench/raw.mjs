// The round trip that the system allows: the bytes of one publish, over TCP and back, the way that a publish takes
// (`publish`), or that a request takes over its responder (`request`). Nothing is parsed.
import { Buffer } from "node:buffer";
import net from "node:net";
import { nextMessage } from "./messages.mjs";
import { encode } from "./naive.mjs";

/** A frame of the size of those that are measured. */
function frame() {
  const { data, properties } = nextMessage();
  const body = { topic: "bench.quiet", properties, headers: {}, body: data };
  return encode("ASYNC_MESSAGE_TO_SERVER", "1000000000", body);
}

const size = frame().length;

export async function startServer() {
  let received = 0;
  const count = (chunk) => received += chunk.length;
  const echo = await listen((socket) => {
    socket.on("data", (chunk) => {
      count(chunk);
      socket.write(chunk);
    });
  });
  let responder;
  const relay = await listen((socket) => {
    if (responder === undefined) {
      responder = socket;
      return;
    }
    socket.on("data", (chunk) => {
      count(chunk);
      responder.write(chunk);
    });
    responder.on("data", (chunk) => socket.write(chunk));
  });
  return { address: `${echo}/${relay}`, published: () => received / size };
}

export async function startClient(address) {
  const [echo, relay] = address.split("/");
  const responder = await connect(relay);
  responder.on("data", (chunk) => responder.write(chunk));
  const publish = trips(await connect(echo));
  const request = trips(await connect(relay));
  return {
    publish,
    request,
    async check() {
      await publish();
      await request();
      return 2;
    },
  };
}

/** Sends the bytes of a frame, and resolves when as many have come back and are the same. */
function trips(socket) {
  const bytes = frame();
  const back = Buffer.alloc(size);
  let have = 0;
  let settle;
  socket.on("data", (chunk) => {
    back.set(chunk, have);
    have += chunk.length;
    if (have < size) return;
    have = 0;
    if (!back.equals(bytes)) throw new Error("expected the bytes that were sent");
    settle();
  });
  return () =>
    new Promise((resolve) => {
      settle = resolve;
      socket.write(bytes);
    });
}

async function listen(handle) {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => {});
    handle(socket);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server.address().port;
}

async function connect(port) {
  const socket = net.connect({ port: Number(port), host: "127.0.0.1", noDelay: true });
  await new Promise((resolve) => socket.once("connect", resolve));
  return socket;
}
