import { expect, it } from "vitest";
import { IncomingMessage } from "../../lib/eventmesh/incoming.ts";
import {
  EventReader,
  FrameDecoder,
  FrameWriter,
  type Packet,
  SELECTORS,
} from "../../lib/eventmesh/wire/mod.ts";
import type { DeliveredMessage } from "../../lib/messaging/message.ts";

const reader = new EventReader();

/** A message whose body is this text in JSON, with what cannot stand there escaped. */
function message(text: string): DeliveredMessage {
  const writer = new FrameWriter();
  const header = {
    cmd: "ASYNC_MESSAGE_TO_CLIENT",
    seq: "1",
    properties: SELECTORS.eventmeshmessage,
  } as const;
  writer.frame(header, JSON.stringify({ topic: "T", properties: {}, headers: {}, body: text }));
  const packets: Packet[] = [];
  new FrameDecoder().push(writer.take(), (packet) => packets.push(packet));
  return new IncomingMessage(packets[0]!, reader);
}

it.each(["", "plain", "grün 🎉", "\ufeffmarked", "lone \ud800 half", "\udc00", 'q"\\\n'])(
  "reads the text of %j as its bytes say it, whichever of the two is asked for first",
  (text) => {
    const decoder = new TextDecoder();
    const textFirst = message(text);
    const read = textFirst.text();
    expect(read).toBe(decoder.decode(textFirst.data));
    const dataFirst = message(text);
    expect(decoder.decode(dataFirst.data)).toBe(read);
    expect(dataFirst.text()).toBe(read);
  },
);

it("reads what the receiver has made of the bytes", () => {
  const changed = message("plain");
  changed.data[0] = 0x50;
  expect(changed.text()).toBe("Plain");
});
