import type { Session } from "./session.ts";
import { checkSize } from "./size.ts";
import {
  type Command,
  createTemplate,
  type EventBody,
  type EventProtocol,
  type FrameTemplate,
  type HeaderProperties,
  type Packet,
  SELECTORS,
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
   * Prepares a reply, to be sent by what it returns.
   *
   * @throws {MessageTooLargeError} before anything is sent.
   */
  reply(protocol: EventProtocol, topic: string, body: EventBody): (session: Session) => void {
    let template = this.#replies.get(protocol);
    if (template === undefined) {
      template = createTemplate({ cmd: "RESPONSE_TO_SERVER", properties: SELECTORS[protocol] });
      this.#replies.set(protocol, template);
    }
    const checked = checkSize("respond to a message of", topic, body, template, this.#options.maxFrame);
    return (session) => session.sendTemplated(template, this.#options.nextSeq(), checked);
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
