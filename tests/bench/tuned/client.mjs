// Publishes, asks and subscribes: see ../tuned.mjs.
import net from "node:net";
import process from "node:process";
import { drive } from "../drive.mjs";
import {
  ascii,
  counter,
  isAt,
  plainEnd,
  QUOTE,
  readDigits,
  readText,
  writeJson,
  writeText,
} from "./bytes.mjs";
import { template } from "./frames.mjs";
import { Ring } from "./ring.mjs";
import { Wire } from "./wire.mjs";

const selectors = {
  properties: { protocolversion: "1.0", protocoldesc: "tcp", protocoltype: "eventmeshmessage" },
};
const echoed = { properties: { protocoltype: "eventmeshmessage" } };
const respond = template("RESPONSE_TO_SERVER", selectors);
const received = template("ASYNC_MESSAGE_TO_CLIENT_ACK", echoed);
const asked = template("REQUEST_TO_CLIENT_ACK", echoed);
const replied = template("RESPONSE_TO_CLIENT_ACK", echoed);
const bodyStart = ascii('},"headers":{},"body":');
/** How many times as long a text can be in JSON, and what there is beside texts. */
const [escapes, frame] = [6, 64];

export const startClient = (address) => drive(address, connect);

async function connect(address) {
  let wire;
  const { hostname, port } = new URL(address.replace(/^eventmesh/, "http"));
  const buffer = new Uint8Array(65_536);
  const view = new DataView(buffer.buffer);
  const onread = { buffer, callback: (length) => wire.receive(buffer, view, length) };
  const socket = net.connect({ host: hostname, port: Number(port), noDelay: true, onread });
  await new Promise((resolve) => socket.once("connect", resolve));
  const client = new Client((handlers, touch) => wire = new Wire(socket, handlers, touch));
  await client.call("HELLO_REQUEST", {
    env: "PRD",
    subsystem: "bench",
    path: "/",
    pid: process.pid,
    host: "127.0.0.1",
    port: 0,
    version: "2.0",
    username: "",
    password: "",
    idc: "DEFAULT",
    group: "bench",
    purpose: "sub",
  });
  // Else a server may take a subscriber for gone that has had nothing for a minute.
  setInterval(() => void client.call("HEARTBEAT_REQUEST"), 20_000).unref();
  return client;
}

class Client {
  #wire;
  #waiting = new Ring();
  #next = counter();
  #onMessage;
  #onRequest;
  #publishes = new Kind("ASYNC_MESSAGE_TO_SERVER", "");
  #requests = new Kind("REQUEST_TO_SERVER", '"ttl":"20000"');
  /** Where the body was in the last message that came: it is nearly always there. */
  #bodyAt = 0;

  constructor(open) {
    const settle = (_wire, bytes, seqAt) => this.#settle(bytes, seqAt, undefined);
    const flush = () => this.#wire.flush();
    this.#wire = open({
      ASYNC_MESSAGE_TO_SERVER_ACK: settle,
      HELLO_RESPONSE: settle,
      HEARTBEAT_RESPONSE: settle,
      SUBSCRIBE_RESPONSE: settle,
      LISTEN_RESPONSE: settle,
      RESPONSE_TO_CLIENT: (wire, bytes, seqAt, start, end) => {
        wire.send(replied, bytes, seqAt, bytes, 0, 0);
        this.#settle(bytes, seqAt, this.#read(bytes, start, end));
      },
      REQUEST_TO_CLIENT: (wire, bytes, seqAt, start, end) => {
        wire.send(asked, bytes, seqAt, bytes, 0, 0);
        this.#respond(this.#onRequest(this.#read(bytes, start, end)), bytes, start);
      },
      ASYNC_MESSAGE_TO_CLIENT: (wire, bytes, seqAt, start, end) => {
        this.#onMessage(JSON.parse(readText(bytes, start, end)));
        wire.send(received, bytes, seqAt, bytes, 0, 0);
      },
    }, () => process.nextTick(flush));
  }

  publish(topic, data, properties) {
    return this.#send(this.#publishes, topic, data, properties);
  }

  request(topic, data, properties) {
    return this.#send(this.#requests, topic, data, properties);
  }

  /** Calls `handle` with each message, as it stands in its frame. */
  async subscribe(topic, handle) {
    this.#onMessage = ({ body, properties }) => handle(body, properties);
    await this.#listen(topic, "ASYNC");
  }

  /** Replies with what `handle` returns. */
  async respond(topic, handle) {
    this.#onRequest = handle;
    await this.#listen(topic, "SYNC");
  }

  /** A command with a body of its own. */
  call(cmd, body) {
    const text = body === undefined ? "" : JSON.stringify(body);
    const { bytes } = this.#wire;
    const seq = this.#next();
    const at = this.#wire.begin(template(cmd), seq, 0, text.length * 3);
    this.#wire.end(at + writeText(bytes, at, text));
    return this.#wait(seq);
  }

  async #listen(topic, type) {
    await this.call("SUBSCRIBE_REQUEST", { topicList: [{ topic, mode: "CLUSTERING", type }] });
    await this.call("LISTEN_REQUEST");
  }

  #send(kind, topic, data, properties) {
    const wire = this.#wire;
    const seq = this.#next();
    const beginning = kind.beginning(topic);
    let room = data.length;
    for (const name in properties) room += name.length + properties[name].length + 1;
    let at = wire.begin(kind.template, seq, 0, beginning.length + escapes * room + frame);
    const { bytes, view } = wire;
    bytes.set(beginning, at);
    at += beginning.length;
    for (const name in properties) {
      if (bytes[at - 1] === QUOTE) bytes[at++] = 0x2c;
      at = writeJson(bytes, view, at, name);
      bytes[at++] = 0x3a;
      at = writeJson(bytes, view, at, properties[name]);
    }
    bytes.set(bodyStart, at);
    at = writeJson(bytes, view, at + bodyStart.length, data);
    bytes[at] = 0x7d;
    wire.end(at + 1);
    return this.#wait(seq);
  }

  /** The topic and the properties of a reply are those of its request. */
  #respond(data, body, start) {
    const wire = this.#wire;
    const before = this.#bodyAt;
    let at = wire.begin(respond, this.#next(), 0, before + escapes * data.length + frame);
    wire.bytes.set(body.subarray(start, start + before), at);
    at = writeJson(wire.bytes, wire.view, at + before, data);
    wire.bytes[at] = 0x7d;
    wire.end(at + 1);
  }

  #wait(seq) {
    const promise = new Promise(keepResolve);
    this.#waiting.set(readDigits(seq, 0), kept);
    return promise;
  }

  #settle(bytes, seqAt, value) {
    this.#waiting.take(readDigits(bytes, seqAt))?.(value);
  }

  /** Reads the text of a message, and notes where it begins. */
  #read(bytes, start, end) {
    if (!this.#isBodyAt(bytes, start)) this.#findBody(bytes, start);
    const textAt = start + this.#bodyAt + 1;
    const text = readText(bytes, textAt, end - 2);
    return text.includes("\\") || text.includes('"') ? JSON.parse(readText(bytes, start, end)).body : text;
  }

  #isBodyAt(bytes, start) {
    return this.#bodyAt > 0 && isAt(bytes, start + this.#bodyAt - bodyStart.length, bodyStart);
  }

  /** Strings are skipped: there, what looks like the beginning of the body is none. */
  #findBody(bytes, start) {
    let at = start;
    while (!isAt(bytes, at, bodyStart)) {
      if (bytes[at] === QUOTE) at = plainEnd(bytes, at + 1);
      if (at < start || at >= bytes.length) {
        throw new Error("expected properties without escapes, and no headers");
      }
      at++;
    }
    this.#bodyAt = at + bodyStart.length - start;
  }
}

/** Messages of one command. Those to one topic begin with the same bytes. */
class Kind {
  #topic;
  #beginning;
  #properties;

  constructor(cmd, properties) {
    this.template = template(cmd, selectors);
    this.#properties = properties;
  }

  beginning(topic) {
    if (topic !== this.#topic) {
      this.#topic = topic;
      this.#beginning = ascii(`{"topic":${JSON.stringify(topic)},"properties":{${this.#properties}`);
    }
    return this.#beginning;
  }
}

let kept;
/** One function for all promises, in place of one for each. */
function keepResolve(resolve) {
  kept = resolve;
}
