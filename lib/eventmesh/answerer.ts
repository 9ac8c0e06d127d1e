import type { Session } from "./session.ts";
import { checkSize, surelyFits } from "./size.ts";
import {
  type Command,
  createTemplate,
  type EventProtocol,
  type FrameTemplate,
  type HeaderProperties,
  type OutgoingBody,
  type Packet,
  type ReceivedEvent,
  SELECTORS,
} from "./wire/mod.ts";

/** What an {@linkcode Answerer} needs of its connection. */
export interface AnswererOptions {
  readonly maxFrame: number;
  nextSeq(): number;
}

/** The commands that deliver a message, which is to be acknowledged. */
type DeliveryCommand =
  | "ASYNC_MESSAGE_TO_CLIENT"
  | "BROADCAST_MESSAGE_TO_CLIENT"
  | "REQUEST_TO_CLIENT"
  | "RESPONSE_TO_CLIENT";

/** Acknowledges what a session has received, and replies to it. */
export class Answerer {
  readonly #options: AnswererOptions;
  /** One reply is rarely of another protocol than the one before. */
  #protocol: EventProtocol | undefined = undefined;
  #replyTemplate: FrameTemplate | undefined = undefined;
  /** One acknowledgement is rarely unlike the one before but for its `seq`. */
  #command: Command | undefined = undefined;
  #properties: HeaderProperties | undefined = undefined;
  #template: FrameTemplate | undefined = undefined;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** Same seq, and the properties of the header echoed: the 2.x servers send no seq and find the delivery by them. */
  acknowledge(packet: Packet, session: Session): void {
    const { plainSeq, properties } = packet;
    const command = packet.command as DeliveryCommand;
    if (plainSeq === undefined) session.send({ cmd: `${command}_ACK`, properties });
    else session.sendTemplated(this.#acknowledgement(command, properties), plainSeq);
  }

  /**
   * Looks whether a reply can be sent, and returns it as that is done.
   *
   * @throws {MessageTooLargeError}
   */
  prepare(request: ReceivedEvent, body: OutgoingBody): OutgoingBody {
    const { maxFrame } = this.#options;
    const template = this.#reply(request.protocol);
    // The topic is read from the frame when it is asked for.
    if (surelyFits(body, template, maxFrame)) return body;
    return checkSize("respond to a message of", request.topic, body, template, maxFrame);
  }

  /** Sends a reply that is prepared. */
  reply(request: ReceivedEvent, body: OutgoingBody, session: Session): void {
    session.sendTemplated(this.#reply(request.protocol), this.#options.nextSeq(), body);
  }

  #reply(protocol: EventProtocol): FrameTemplate {
    if (this.#replyTemplate === undefined || this.#protocol !== protocol) {
      this.#replyTemplate = createTemplate({ cmd: "RESPONSE_TO_SERVER", properties: SELECTORS[protocol] });
      this.#protocol = protocol;
    }
    return this.#replyTemplate;
  }

  #acknowledgement(command: DeliveryCommand, properties: HeaderProperties): FrameTemplate {
    if (this.#template === undefined || this.#command !== command || this.#properties !== properties) {
      this.#template = createTemplate({ cmd: `${command}_ACK`, properties });
      this.#command = command;
      this.#properties = properties;
    }
    return this.#template;
  }
}
