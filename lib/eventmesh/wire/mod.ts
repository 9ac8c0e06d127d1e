/**
 * The EventMesh TCP protocol as bytes: frames, headers and bodies, with neither sockets nor promises. It speaks version
 * `0000`, as Apache EventMesh 1.10 to 1.12 does.
 *
 * A frame is `EventMesh0000`, two big-endian 32-bit lengths, a JSON header and a body:
 *
 * | offset | size | content |
 * | --- | --- | --- |
 * | 0 | 13 | magic and version |
 * | 13 | 4 | 13 + size of the header + size of the body |
 * | 17 | 4 | size of the header |
 * | 21 | | header, then body |
 *
 * {@linkcode FrameWriter} writes frames, {@linkcode FrameDecoder} makes {@linkcode Packet}s of whatever chunks arrive. Bytes
 * of a peer that are not of the protocol end in a ProtocolError with the offset of the wrong byte, and in nothing else.
 *
 * @example
 * ```ts
 * import { encodeEvent, FrameDecoder, FrameWriter, SELECTORS } from "./mod.ts";
 *
 * const writer = new FrameWriter();
 * writer.frame(
 *   { cmd: "ASYNC_MESSAGE_TO_SERVER", seq: "1000000001", properties: SELECTORS.eventmeshmessage },
 *   encodeEvent("eventmeshmessage", { topic: "orders", data: "hello", properties: {} }),
 * );
 * new FrameDecoder().push(writer.take(), (packet) => console.log(packet.command, packet.seq));
 * // ASYNC_MESSAGE_TO_SERVER 1000000001
 * ```
 *
 * @module
 */

export { decodeRecommendation, decodeRedirect, encodeRecommendation, encodeRedirect } from "./address.ts";
export { commandInfo, COMMANDS, isCommand, OPStatus } from "./commands.ts";
export { FrameDecoder } from "./decoder.ts";
export { FrameWriter } from "./encoder.ts";
export {
  decodeEvent,
  encodeEvent,
  eventBody,
  eventProtocol,
  peekEventId,
  peekTopic,
  replyBody,
  SELECTORS,
} from "./event.ts";
export { bodyBound, bodyText } from "./event_body.ts";
export { CORRELATION_ID, DELIVERY_COUNT, PUBLISH_WINDOW, REPLY_TO } from "./extensions.ts";
export { HEADER_AT, MAX_FRAME, MAX_SEQ, SEQ_DIGITS } from "./limits.ts";
export { Packet } from "./packet.ts";
export { isPropertyName, MAX_PROPERTY_NAME, withProperties } from "./properties.ts";
export { EventReader } from "./received.ts";
export { BodyShapes, type ShapedBody } from "./shape.ts";
export { SpareBuffers } from "./spare.ts";
export { decodeSubscription, encodeSubscription } from "./subscription.ts";
export { createTemplate } from "./template.ts";
export { decodeUserAgent, encodeUserAgent } from "./user_agent.ts";

export type { RedirectInfo } from "./address.ts";
export type { BodyKind, Command, CommandInfo, Direction } from "./commands.ts";
export type { FrameDecoderOptions } from "./decoder.ts";
export type { FrameBody, FrameWriterOptions } from "./encoder.ts";
export type { EventProtocol, WireEvent } from "./event.ts";
export type { EventBody, OutgoingBody } from "./event_body.ts";
export type { Head, Header, HeaderProperties } from "./header.ts";
export type { ReceivedEvent } from "./received.ts";
export type {
  ReceivedSubscriptionItem,
  SubscriptionItem,
  SubscriptionMode,
  SubscriptionType,
} from "./subscription.ts";
export type { FrameTemplate } from "./template.ts";
export type { Purpose, ReceivedUserAgent, UserAgent } from "./user_agent.ts";
