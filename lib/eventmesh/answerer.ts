import type { Session } from "./session.ts";
import { checkSize, surelyFits } from "./size.ts";
import {
  type Command,
  createTemplate,
  type EventBody,
  type EventProtocol,
  type FrameTemplate,
  type HeaderProperties,
  type Packet,
  SELECTORS,
  type WireEvent,
} from "./wire/mod.ts";

/** What an {@linkcode Answerer} needs of its connection. */
export interface AnswererOptions {
  readonly maxFrame: number;
  nextSeq(): number;
}

/** Acknowledges what a session has received, and replies to it. */
export class Answerer {
  readonly #options: AnswererOptions;
  readonly #replies: Map<EventProtocol, FrameTemplate> = new Map();
  /** One acknowledgement is rarely unlike the one before but for its `seq`. */
  #command: Command | undefined = undefined;
  #properties: HeaderProperties | undefined = undefined;
  #template: FrameTemplate | undefined = undefined;

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  /** Same seq, and the properties of the header echoed: the 2.x servers send no seq and find the delivery by them. */
  acknowledge(packet: Packet, cmd: Command, session: Session): void {
    const { plainSeq, properties } = packet;
    if (plainSeq === undefined) session.send({ cmd, properties });
    else session.sendTemplated(this.#acknowledgement(cmd, properties), plainSeq);
  }

  /**
   * Looks whether a reply can be sent, and returns it as that is done.
   *
   * @throws {MessageTooLargeError}
   */
  prepare(protocol: EventProtocol, request: WireEvent, body: EventBody): EventBody {
    const { maxFrame } = this.#options;
    const template = this.#reply(protocol);
    // The topic is read from the frame when it is asked for.
    if (surelyFits(body, template, maxFrame)) return body;
    return checkSize("respond to a message of", request.topic, body, template, maxFrame);
  }

  /** Sends a reply that is prepared. */
  reply(protocol: EventProtocol, body: EventBody, session: Session): void {
    session.sendTemplated(this.#reply(protocol), this.#options.nextSeq(), body);
  }

  #reply(protocol: EventProtocol): FrameTemplate {
    let template = this.#replies.get(protocol);
    if (template === undefined) {
      template = createTemplate({ cmd: "RESPONSE_TO_SERVER", properties: SELECTORS[protocol] });
      this.#replies.set(protocol, template);
    }
    return template;
  }

  #acknowledgement(cmd: Command, properties: HeaderProperties): FrameTemplate {
    if (this.#template === undefined || this.#command !== cmd || this.#properties !== properties) {
      this.#template = createTemplate({ cmd, properties });
      this.#command = cmd;
      this.#properties = properties;
    }
    return this.#template;
  }
}
