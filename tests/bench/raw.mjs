// The limit of this wire in JavaScript: frames made in advance, only their sequence numbers are patched, nothing is
// parsed, one write per chunk received, no promises, no timers, no lifecycle. Both ends know what the other sends.
import { Buffer } from "node:buffer";
import net from "node:net";

const text = (cmd, body) => {
  const properties = '{"protocolversion":"1.0","protocoldesc":"tcp","protocoltype":"eventmeshmessage"}';
  const header = Buffer.from(
    `{"cmd":"${cmd}","code":0,"seq":"0000000000","properties":${properties},"command":"${cmd}"}`,
  );
  const lengths = Buffer.alloc(8);
  lengths.writeInt32BE(13 + header.length + body.length, 0);
  lengths.writeInt32BE(header.length, 4);
  const bytes = new Uint8Array(
    Buffer.concat([Buffer.from("EventMesh0000"), lengths, header, Buffer.from(body)]),
  );
  return { bytes, seqAt: 21 + `{"cmd":"${cmd}","code":0,"seq":"`.length };
};

const message = (size) => `{"topic":"bench","properties":{},"headers":{},"body":"${"x".repeat(size)}"}`;

/** The kinds of frame, told apart by their size alone. */
function frames(size) {
  const body = message(size);
  return {
    publish: text("ASYNC_MESSAGE_TO_SERVER", body),
    published: text("ASYNC_MESSAGE_TO_SERVER_ACK", ""),
    listen: text("LISTEN_REQUEST", ""),
    request: text("REQUEST_TO_SERVER", body),
    deliver: text("REQUEST_TO_CLIENT", body),
    delivered: text("REQUEST_TO_CLIENT_ACK", ""),
    respond: text("RESPONSE_TO_SERVER", body),
    reply: text("RESPONSE_TO_CLIENT", body),
    replied: text("RESPONSE_TO_CLIENT_ACK", ""),
  };
}

/** Gathers frames and writes them at once. */
class Batch {
  #slab = new Uint8Array(1 << 16);
  #length = 0;
  constructor(socket) {
    this.socket = socket;
  }
  add(frame, seq, seqAt) {
    const { bytes } = frame;
    if (this.#length + bytes.length > this.#slab.length) this.flush();
    this.#slab.set(bytes, this.#length);
    const at = this.#length + frame.seqAt;
    for (let i = 0; i < 10; i++) this.#slab[at + i] = seq[seqAt + i];
    this.#length += bytes.length;
  }
  flush() {
    if (this.#length === 0) return;
    this.socket.write(this.#slab.subarray(0, this.#length));
    if (this.socket.writableLength > 0) this.#slab = new Uint8Array(1 << 16);
    this.#length = 0;
  }
}

function onFrames(socket, handle, flush) {
  let rest;
  socket.on("data", (chunk) => {
    if (rest !== undefined) chunk = Buffer.concat([rest, chunk]);
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    let at = 0;
    while (chunk.length - at >= 21) {
      const size = view.getInt32(at + 13) + 8;
      if (chunk.length - at < size) break;
      handle(chunk, at, size);
      at += size;
    }
    rest = at === chunk.length ? undefined : chunk.subarray(at);
    flush();
  });
  socket.on("error", () => {});
}

export async function startServer({ size }) {
  const kinds = frames(size);
  const batches = new Set();
  let responder;
  let requester;
  const flush = () => {
    for (const batch of batches) batch.flush();
  };
  const server = net.createServer({ noDelay: true }, (socket) => {
    const batch = new Batch(socket);
    batches.add(batch);
    socket.on("close", () => batches.delete(batch));
    onFrames(socket, (chunk, at, size) => {
      if (size === kinds.publish.bytes.length) batch.add(kinds.published, chunk, at + kinds.publish.seqAt);
      else if (size === kinds.request.bytes.length) {
        requester = batch;
        responder.add(kinds.deliver, chunk, at + kinds.request.seqAt);
      } else if (size === kinds.respond.bytes.length) {
        requester.add(kinds.reply, chunk, at + kinds.respond.seqAt);
      } else if (size === kinds.listen.bytes.length) {
        responder = batch;
      }
    }, flush);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return String(server.address().port);
}

export async function startClient(address, { size }) {
  const kinds = frames(size);
  const connect = async () => {
    const socket = net.connect({ port: Number(address), host: "127.0.0.1", noDelay: true });
    await new Promise((resolve) => socket.once("connect", resolve));
    return new Batch(socket);
  };
  const [requester, responder] = [await connect(), await connect()];
  onFrames(responder.socket, (chunk, at) => {
    responder.add(kinds.delivered, chunk, at + kinds.deliver.seqAt);
    responder.add(kinds.respond, chunk, at + kinds.deliver.seqAt);
  }, () => responder.flush());
  responder.add(kinds.listen, new Uint8Array(10).fill(0x30), 0);
  responder.flush();

  const digits = new Uint8Array(10).fill(0x30);
  const next = () => {
    for (let i = 9; i >= 0; i--) {
      if (++digits[i] <= 0x39) break;
      digits[i] = 0x30;
    }
    return digits;
  };
  let onReply = () => {};
  onFrames(requester.socket, (chunk, at, size) => {
    if (size === kinds.reply.bytes.length) requester.add(kinds.replied, chunk, at + kinds.reply.seqAt);
    onReply();
  }, () => requester.flush());

  /** Keeps so many on their way until the time is over, and resolves with how many came back. */
  const loop = (frame) => (outstanding, milliseconds) =>
    new Promise((resolve) => {
      const end = performance.now() + milliseconds;
      let done = 0;
      let pending = outstanding;
      onReply = () => {
        done++;
        if (performance.now() < end) requester.add(frame, next(), 0);
        else if (--pending === 0) resolve(done);
      };
      for (let i = 0; i < outstanding; i++) requester.add(frame, next(), 0);
      requester.flush();
    });
  return { publishLoop: loop(kinds.publish), requestLoop: loop(kinds.request) };
}
