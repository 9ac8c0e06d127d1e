// The wire as one writes it on a first afternoon: concatenated buffers, JSON for everything, a write per message, and a
// Map entry, a timer and an abort listener per operation. Every publish is confirmed, every request answered.
import { Buffer } from "node:buffer";
import net from "node:net";

const selectors = { protocolversion: "1.0", protocoldesc: "tcp", protocoltype: "eventmeshmessage" };

function encode(cmd, seq, body) {
  const header = Buffer.from(JSON.stringify({ cmd, code: 0, seq, properties: selectors, command: cmd }));
  const text = Buffer.from(body === undefined ? "" : JSON.stringify(body));
  const lengths = Buffer.alloc(8);
  lengths.writeInt32BE(13 + header.length + text.length, 0);
  lengths.writeInt32BE(header.length, 4);
  return Buffer.concat([Buffer.from("EventMesh0000"), lengths, header, text]);
}

function onFrames(socket, handle) {
  let rest = Buffer.alloc(0);
  socket.on("data", (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 21) {
      const size = rest.readInt32BE(13) + 8;
      if (rest.length < size) break;
      const split = 21 + rest.readInt32BE(17);
      const header = JSON.parse(rest.subarray(21, split).toString());
      const text = rest.subarray(split, size).toString();
      rest = rest.subarray(size);
      handle(header, text === "" ? undefined : JSON.parse(text));
    }
  });
  socket.on("error", () => {});
}

export async function startServer() {
  const requesters = new Map();
  let responder;
  const server = net.createServer({ noDelay: true }, (socket) => {
    onFrames(socket, ({ cmd, seq }, body) => {
      if (cmd === "ASYNC_MESSAGE_TO_SERVER") socket.write(encode(`${cmd}_ACK`, seq));
      else if (cmd === "LISTEN_REQUEST") {
        responder = socket;
        socket.write(encode("LISTEN_RESPONSE", seq));
      } else if (cmd === "REQUEST_TO_SERVER") {
        requesters.set(seq, socket);
        responder.write(encode("REQUEST_TO_CLIENT", seq, body));
      } else if (cmd === "RESPONSE_TO_SERVER") {
        const requester = requesters.get(body.properties.correlation);
        requesters.delete(body.properties.correlation);
        requester?.write(encode("RESPONSE_TO_CLIENT", body.properties.correlation, body));
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return String(server.address().port);
}

export async function startClient(address, { size }) {
  const data = "x".repeat(size);
  const { signal } = new AbortController();
  const requester = await connect(address);
  const responder = await connect(address);
  responder.onRequest = (seq, body) => {
    responder.socket.write(encode("REQUEST_TO_CLIENT_ACK", seq));
    const reply = { topic: body.topic, properties: { correlation: seq }, headers: {}, body: body.body };
    responder.socket.write(encode("RESPONSE_TO_SERVER", seq, reply));
  };
  await responder.call("LISTEN_REQUEST", undefined, signal);
  const message = () => ({ topic: "bench", properties: {}, headers: {}, body: data });
  return {
    publish: () => requester.call("ASYNC_MESSAGE_TO_SERVER", message(), signal),
    request: () => requester.call("REQUEST_TO_SERVER", message(), signal),
  };
}

async function connect(address) {
  const socket = net.connect({ port: Number(address), host: "127.0.0.1", noDelay: true });
  await new Promise((resolve) => socket.once("connect", resolve));
  const pending = new Map();
  let next = 1_000_000_000;
  const connection = {
    socket,
    onRequest: undefined,
    call(cmd, body, signal) {
      return new Promise((resolve, reject) => {
        const seq = String(next++);
        const finish = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", abort);
          pending.delete(seq);
        };
        const abort = () => {
          finish();
          reject(signal.reason);
        };
        const timer = setTimeout(abort, 20_000);
        signal.addEventListener("abort", abort);
        pending.set(seq, (reply) => {
          finish();
          resolve(reply);
        });
        socket.write(encode(cmd, seq, body));
      });
    },
  };
  onFrames(socket, ({ cmd, seq }, body) => {
    if (cmd === "REQUEST_TO_CLIENT") return connection.onRequest(seq, body);
    if (cmd === "RESPONSE_TO_CLIENT") socket.write(encode("RESPONSE_TO_CLIENT_ACK", seq));
    pending.get(seq)?.(body);
  });
  return connection;
}
