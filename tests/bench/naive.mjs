// The wire as one writes it on a first afternoon: concatenated buffers, JSON for everything, a write per message, and a
// Map entry, a timer and an abort listener per operation. Every publish is confirmed, every request answered.
import { Buffer } from "node:buffer";
import { setMaxListeners } from "node:events";
import net from "node:net";
import { drive } from "./drive.mjs";

const selectors = { protocolversion: "1.0", protocoldesc: "tcp", protocoltype: "eventmeshmessage" };

export async function startServer() {
  const subscribers = new Map();
  const requesters = new Map();
  let published = 0;
  const server = net.createServer({ noDelay: true }, (socket) => {
    onFrames(socket, ({ cmd, seq }, body) => {
      if (cmd === "ASYNC_MESSAGE_TO_SERVER") {
        published++;
        subscribers.get(body.topic)?.write(encode("ASYNC_MESSAGE_TO_CLIENT", seq, body));
        socket.write(encode("ASYNC_MESSAGE_TO_SERVER_ACK", seq));
      } else if (cmd === "SUBSCRIBE_REQUEST") {
        for (const { topic } of body.topicList) subscribers.set(topic, socket);
        socket.write(encode("SUBSCRIBE_RESPONSE", seq));
      } else if (cmd === "REQUEST_TO_SERVER") {
        published++;
        requesters.set(seq, socket);
        const properties = { ...body.properties, correlation: seq };
        subscribers.get(body.topic).write(encode("REQUEST_TO_CLIENT", seq, { ...body, properties }));
      } else if (cmd === "RESPONSE_TO_SERVER") {
        const { correlation } = body.properties;
        requesters.get(correlation)?.write(encode("RESPONSE_TO_CLIENT", correlation, body));
        requesters.delete(correlation);
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: String(server.address().port), published: () => published };
}

export const startClient = (address) => drive(address, connect);

/** A frame of this wire. */
export function encode(cmd, seq, body) {
  const header = Buffer.from(JSON.stringify({ cmd, code: 0, seq, properties: selectors, command: cmd }));
  const text = Buffer.from(body === undefined ? "" : JSON.stringify(body));
  const lengths = Buffer.alloc(8);
  lengths.writeInt32BE(13 + header.length + text.length, 0);
  lengths.writeInt32BE(header.length, 4);
  return Buffer.concat([Buffer.from("EventMesh0000"), lengths, header, text]);
}

async function connect(address) {
  const { signal } = new AbortController();
  setMaxListeners(0, signal);
  const socket = net.connect({ port: Number(address), host: "127.0.0.1", noDelay: true });
  await new Promise((resolve) => socket.once("connect", resolve));
  const pending = new Map();
  let onMessage;
  let onRequest;
  let next = 1_000_000_000 * (1 + Math.floor(Math.random() * 8));
  const call = (cmd, body) =>
    new Promise((resolve, reject) => {
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
  onFrames(socket, ({ cmd, seq }, body) => {
    if (cmd === "ASYNC_MESSAGE_TO_CLIENT") {
      onMessage(body.body, body.properties);
      socket.write(encode("ASYNC_MESSAGE_TO_CLIENT_ACK", seq));
    } else if (cmd === "REQUEST_TO_CLIENT") {
      socket.write(encode("REQUEST_TO_CLIENT_ACK", seq));
      socket.write(encode("RESPONSE_TO_SERVER", String(next++), { ...body, body: onRequest(body.body) }));
    } else {
      if (cmd === "RESPONSE_TO_CLIENT") socket.write(encode("RESPONSE_TO_CLIENT_ACK", seq));
      pending.get(seq)?.(body);
    }
  });
  const subscribe = (topic, type) =>
    call("SUBSCRIBE_REQUEST", { topicList: [{ topic, mode: "CLUSTERING", type }] });
  return {
    async publish(topic, data, properties) {
      await call("ASYNC_MESSAGE_TO_SERVER", { topic, properties, headers: {}, body: data });
    },
    async request(topic, data, properties) {
      return (await call("REQUEST_TO_SERVER", { topic, properties, headers: {}, body: data })).body;
    },
    subscribe(topic, handle) {
      onMessage = handle;
      return subscribe(topic, "ASYNC");
    },
    respond(topic, handle) {
      onRequest = handle;
      return subscribe(topic, "SYNC");
    },
  };
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
