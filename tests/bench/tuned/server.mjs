// Routes messages: see ../tuned.mjs.
import net from "node:net";
import { ascii, counter, isAt, plainEnd, readDigits, readText, writeDigits } from "./bytes.mjs";
import { template } from "./frames.mjs";
import { Ring } from "./ring.mjs";
import { Topics } from "./topics.mjs";
import { Wire } from "./wire.mjs";

const topicStart = ascii('{"topic":"');
const propertiesStart = ascii('","properties":{');
const correlation = ascii('"correlation99id":"');
/** What travels with a request beside that, as from the broker. */
const rest = ascii('","reply99to99client":"session-1","cluster":"gracewire"');
const selected = { properties: { protocoltype: "eventmeshmessage" } };
const pushes = {
  message: template("ASYNC_MESSAGE_TO_CLIENT", selected),
  request: template("REQUEST_TO_CLIENT", selected),
  reply: template("RESPONSE_TO_CLIENT", selected),
};

export async function startServer() {
  const topics = new Topics();
  const requests = new Ring();
  const touched = [];
  const nextPush = counter();
  const nextRequest = counter();
  const digits = new Uint8Array(10);
  let published = 0;

  const handlers = {
    ASYNC_MESSAGE_TO_SERVER(wire, bytes, seqAt, start, end) {
      published++;
      const groups = topics.find(bytes, start + topicStart.length, endOfTopic(bytes, start));
      if (groups !== undefined) {
        for (const group of groups.values()) {
          memberOf(group).send(pushes.message, nextPush(), 0, bytes, start, end);
        }
      }
      confirm(wire, bytes, seqAt);
    },
    REQUEST_TO_SERVER(wire, bytes, seqAt, start, end) {
      published++;
      const topicEnd = endOfTopic(bytes, start);
      const groups = topics.find(bytes, start + topicStart.length, topicEnd);
      if (groups === undefined) throw new Error("expected a responder");
      const id = nextRequest();
      requests.set(readDigits(id, 0), { wire, seq: readDigits(bytes, seqAt) });
      for (const group of groups.values()) ask(memberOf(group), id, bytes, start, topicEnd, end);
    },
    RESPONSE_TO_SERVER(_wire, bytes, _seqAt, start, end) {
      const at = endOfTopic(bytes, start) + propertiesStart.length;
      const request = requests.take(
        isAt(bytes, at, correlation)
          ? readDigits(bytes, at + correlation.length)
          : Number(JSON.parse(readText(bytes, start, end)).properties.correlation99id),
      );
      if (request === undefined) return;
      writeDigits(digits, 0, request.seq);
      request.wire.send(pushes.reply, digits, 0, bytes, start, end);
    },
    // As many publishes at a time as the broker allows by itself.
    HELLO_REQUEST: answer("HELLO_RESPONSE", { publishwindow: "1024" }, (wire, { group }) => {
      wire.group = group;
    }),
    SUBSCRIBE_REQUEST: answer("SUBSCRIBE_RESPONSE", {}, (wire, { topicList }) => {
      for (const { topic } of topicList) {
        const groups = topics.open(ascii(topic), () => new Map());
        if (!groups.has(wire.group)) groups.set(wire.group, { members: [], next: 0 });
        groups.get(wire.group).members.push(wire);
      }
    }),
    LISTEN_REQUEST: answer("LISTEN_RESPONSE"),
    HEARTBEAT_REQUEST: answer("HEARTBEAT_RESPONSE"),
    CLIENT_GOODBYE_REQUEST: answer("CLIENT_GOODBYE_RESPONSE"),
    ASYNC_MESSAGE_TO_CLIENT_ACK: ignore,
    REQUEST_TO_CLIENT_ACK: ignore,
    RESPONSE_TO_CLIENT_ACK: ignore,
  };

  const server = net.createServer({ noDelay: true }, (socket) => {
    const wire = new Wire(socket, handlers, (wire) => touched.push(wire));
    socket.on("data", (chunk) => {
      wire.receive(chunk, new DataView(chunk.buffer, chunk.byteOffset, chunk.length), chunk.length);
      for (let i = 0; i < touched.length; i++) touched[i].flush();
      touched.length = 0;
    });
    socket.on("error", () => {});
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { address: `eventmesh://127.0.0.1:${server.address().port}`, published: () => published };
}

const confirm = answer("ASYNC_MESSAGE_TO_SERVER_ACK");

/** Answers that a command was carried out, once it is. */
function answer(cmd, properties, act = () => {}) {
  const success = template(cmd, { desc: "success", properties });
  return (wire, bytes, seqAt, start, end) => {
    if (end > start) act(wire, JSON.parse(readText(bytes, start, end)));
    wire.send(success, bytes, seqAt, bytes, 0, 0);
  };
}

function ignore() {}

/** Where the topic of a message ends. */
function endOfTopic(bytes, start) {
  const end = isAt(bytes, start, topicStart) ? plainEnd(bytes, start + topicStart.length) : -1;
  if (end < 0) throw new Error("expected a body that begins with a plain topic");
  return end;
}

/** One member of a group after the other. */
function memberOf(group) {
  if (group.next >= group.members.length) group.next = 0;
  return group.members[group.next++];
}

/** Gives a request to a responder, with the properties by which its reply finds back in front of its own. */
function ask(responder, id, bytes, start, topicEnd, end) {
  const inside = topicEnd + propertiesStart.length;
  if (!isAt(bytes, topicEnd, propertiesStart)) throw new Error("expected properties behind the topic");
  const added = correlation.length + id.length + rest.length + 1;
  let at = responder.begin(pushes.request, id, 0, end - start + added);
  const target = responder.bytes;
  target.set(bytes.subarray(start, inside), at);
  at += inside - start;
  target.set(correlation, at);
  at += correlation.length;
  target.set(id, at);
  at += id.length;
  target.set(rest, at);
  at += rest.length;
  if (bytes[inside] !== 0x7d) target[at++] = 0x2c;
  target.set(bytes.subarray(inside, end), at);
  responder.end(at + end - inside);
}
