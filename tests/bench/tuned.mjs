// The limit of this wire in JavaScript: a client and a server that do all of the work the wire asks for, and nothing else.
//
// They do: take each message as the caller gives it (topic, text or bytes, properties) and write it as JSON; recognise
// every header by comparing all of its bytes; find the topic, and who subscribes to it; confirm each publish with a
// frame of its own and settle a promise for it; carry requests to a responder and its replies back, tied to each other
// by the same properties as those of the broker; give messages to subscribers, and acknowledge them.
//
// They leave out: signals, time limits, retries, reconnecting, heartbeats; the check of what the caller gives; the check
// that a body is JSON; redelivery, queues, flow control, limits of any kind; counters but one; a goodbye. A lost
// connection or a refusal ends the process.
//
// How: what leaves in one tick is written at once, from memory that is used again; frames are copied from templates whose
// sequence number is patched; headers are compared eight bytes at a time; a text is written first and then looked over
// for what would have to be escaped; what awaits an answer stands in a ring, at a place that its number tells.
export { startClient } from "./tuned/client.mjs";
export { startServer } from "./tuned/server.mjs";
