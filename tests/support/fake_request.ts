import {
  type Command,
  commandInfo,
  decodeEvent,
  encodeEvent,
  type EventProtocol,
  eventProtocol,
  type Header,
  type Packet,
  SELECTORS,
  type WireEvent,
} from "../../lib/eventmesh/wire/mod.ts";
import type { FakeSession } from "./fake_session.ts";

/** One frame of a client. */
export class FakeRequest {
  readonly session: FakeSession;
  readonly packet: Packet;

  constructor(session: FakeSession, packet: Packet) {
    this.session = session;
    this.packet = packet;
  }

  get command(): Command | undefined {
    return this.packet.command;
  }

  get seq(): string | undefined {
    return this.packet.seq;
  }

  /** The message in it. */
  get event(): WireEvent {
    return decodeEvent(eventProtocol(this.packet) ?? "eventmeshmessage", this.packet.body);
  }

  get text(): string {
    return String(this.event.data);
  }

  /** Answers with the command that belongs to this one; success unless said otherwise. */
  reply(header: Partial<Header> = {}, body?: string | Uint8Array): void {
    const { answer, ack } = commandInfo(this.command!);
    const cmd = answer ?? ack ?? this.command!;
    this.session.send({ cmd, code: 0, desc: "success", seq: this.seq, ...header }, body);
  }

  refuse(description?: string, code = 1): void {
    this.reply({ code, desc: description });
  }
}

/** Answers as a server does that is content with everything. */
export function answer(request: FakeRequest): void {
  const { command, session } = request;
  if (command === undefined) return;
  switch (command) {
    case "HELLO_REQUEST":
      request.reply({ properties: session.server.options.advertised ?? {} });
      break;
    case "REQUEST_TO_SERVER":
      answerRequest(request, `re: ${request.text}`);
      break;
    case "RECOMMEND_REQUEST":
      request.reply({}, '"10.0.0.1:10000"');
      break;
    default:
      if (commandInfo(command).answer !== undefined || publishes.has(command)) request.reply();
  }
}

const publishes: ReadonlySet<Command> = new Set(["ASYNC_MESSAGE_TO_SERVER", "BROADCAST_MESSAGE_TO_SERVER"]);

/** Answers a request with a message. */
export function answerRequest(
  request: FakeRequest,
  data: string,
  options: { readonly protocol?: EventProtocol; readonly properties?: Readonly<Record<string, string>> } = {},
): void {
  const { protocol = eventProtocol(request.packet) ?? "eventmeshmessage", properties = {} } = options;
  const { topic } = request.event;
  const { protocoltype } = SELECTORS[protocol];
  const body = encodeEvent(protocol, { topic, id: "reply", data, properties });
  request.reply({ desc: undefined, properties: { protocoltype } }, body);
}
