import { ConnectionLostError } from "../errors.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { limited } from "../lifecycle/limit.ts";
import type { MessageData } from "../messaging/connection.ts";
import { FrameMessage } from "./frame_message.ts";
import { sizeOf } from "./frames.ts";
import type { Link } from "./link.ts";
import type { Incoming } from "./message.ts";
import { Outgoing } from "./outgoing.ts";
import { isPlainSubject } from "./subject.ts";

/** Where the replies of a subscription go. */
export interface ReplyRoad {
  readonly link: Link;
  /** The life of the subscription. */
  readonly lifecycle: Lifecycle;
}

/**
 * Writes a reply; when the transport is full, waits until it has room, or until the connection counts as lost because the
 * server takes nothing. It must not wait for what the server says, as publish does for its window: whoever replies may be
 * what reading waits for.
 */
export function reply(
  road: ReplyRoad,
  message: Incoming,
  data: MessageData,
  signal: AbortSignal | undefined,
): void | Promise<void> {
  const { link } = road;
  if (link.up && !link.room.full && message instanceof FrameMessage && writeAtOnce(link, message, data)) {
    return;
  }
  const outgoing = new Outgoing("respond to", message.raw.reply ?? "", data, {}, link.maxPayload);
  if (link.up && link.room.full) return replyLater(road, message, outgoing, signal);
  write(link, message, outgoing);
}

/** Most replies: to the bytes that are in the chunk. False: nothing was written, and there is more to say. */
function writeAtOnce(link: Link, { bytes, replyStart, replyEnd }: FrameMessage, data: MessageData): boolean {
  const size = sizeOf(data);
  if (size > link.maxPayload || !isPlainSubject(bytes, replyStart, replyEnd)) return false;
  const { writer, outbox } = link.wire;
  writer.reply(bytes, replyStart, replyEnd, data, size);
  outbox.touch();
  return true;
}

async function replyLater(
  { link, lifecycle }: ReplyRoad,
  message: Incoming,
  outgoing: Outgoing,
  signal: AbortSignal | undefined,
): Promise<void> {
  const action = actionOf(message);
  outgoing.keep(false);
  await limited({
    signal,
    timeout: Infinity,
    action,
    owner: lifecycle.signal,
    onOwner: () => lifecycle.refusal(action),
  }, async (bounded) => {
    while (link.up && link.room.full) await link.room.freed(bounded);
  });
  write(link, message, outgoing);
}

function write(link: Link, message: Incoming, outgoing: Outgoing): void {
  if (!link.up) {
    throw new ConnectionLostError(`Cannot ${actionOf(message)}: there is no connection`, {
      outcome: "not-sent",
    });
  }
  const { writer, outbox } = link.wire;
  writer.publish(outgoing);
  outbox.touch();
}

function actionOf(message: Incoming): string {
  return `respond to a message of "${message.topic}"`;
}
