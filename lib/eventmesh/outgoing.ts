import { randomUUID } from "node:crypto";
import { now } from "../lifecycle/timer.ts";
import type { MessageData, PublishOptions } from "../messaging/connection.ts";
import type { ResolvedOptions } from "./options.ts";
import { checkSize } from "./size.ts";
import {
  BodyShapes,
  createTemplate,
  eventBody,
  type FrameTemplate,
  type OutgoingBody,
  SELECTORS,
  type ShapedBody,
  type WireEvent,
} from "./wire/mod.ts";

/** What only EventMesh adds to the options of publish and request. */
export interface EventMeshMessageOptions {
  /** Content type of the data; travels as an attribute of the message. */
  readonly contentType?: string | undefined;
  /** `source` of a CloudEvent. @default {"/"} */
  readonly source?: string | undefined;
  /** `type` of a CloudEvent. @default {"cloudevents"} */
  readonly type?: string | undefined;
}

/** The commands that publish. */
export type PublishCommand = "ASYNC_MESSAGE_TO_SERVER" | "BROADCAST_MESSAGE_TO_SERVER";

/** A message on its way out. */
export interface Outgoing {
  readonly topic: string;
  readonly template: FrameTemplate;
  /** Identity of a CloudEvent; undefined where `seq` is the identity. */
  readonly id: string | undefined;
  body: OutgoingBody;
}

/** A request on its way out: it tells the server how long its caller still waits. */
export interface OutgoingRequest extends Outgoing {
  /** What its body is written from anew; undefined where the body can do that itself. */
  readonly event: WireEvent | undefined;
  /** Milliseconds that its caller waits in all. */
  readonly timeout: number;
  readonly deadline: number;
  /** The `ttl` that its body was written with. */
  ttl: number;
}

/** Property that carries the identity of an `eventmeshmessage`, which has none of its own. */
export const messageIdProperty = "msgid";
/** Property that tells the server how long a caller waits. */
const ttlProperty = "ttl";
/** Milliseconds that a request may have waited before the time it has left is written anew. */
const ttlAccuracy = 10;
/** The longest time that the runtime can read. */
const longestTtl = 2 ** 31 - 1;

const none: Readonly<Record<string, string>> = Object.freeze({});

/** Writes the messages of a connection. At once, at the call: what cannot be sent is refused before anything is. */
export class Composer {
  readonly #options: Pick<ResolvedOptions, "protocol" | "maxFrame">;
  readonly #shapes: BodyShapes = new BodyShapes();
  readonly #templates: Readonly<Record<PublishCommand | "REQUEST_TO_SERVER", FrameTemplate>>;

  constructor(options: Pick<ResolvedOptions, "protocol" | "maxFrame">) {
    this.#options = options;
    const properties = SELECTORS[options.protocol];
    this.#templates = {
      ASYNC_MESSAGE_TO_SERVER: createTemplate({ cmd: "ASYNC_MESSAGE_TO_SERVER", properties }),
      BROADCAST_MESSAGE_TO_SERVER: createTemplate({ cmd: "BROADCAST_MESSAGE_TO_SERVER", properties }),
      REQUEST_TO_SERVER: createTemplate({ cmd: "REQUEST_TO_SERVER", properties }),
    };
  }

  /** @throws {TypeError | MessageTooLargeError} it cannot be sent. */
  publish(
    cmd: PublishCommand,
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
  ): Outgoing {
    const template = this.#templates[cmd];
    const id = this.#idOf(options);
    const body = this.#shaped(template, topic, data, options, id) ??
      this.#encoded(this.#event(topic, data, options, id));
    const identity = this.#options.protocol === "cloudevents" ? id : undefined;
    return { topic, template, id: identity, body: this.#checked("publish to", topic, body, template) };
  }

  /** @throws {TypeError | MessageTooLargeError} it cannot be sent. */
  request(
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
    timeout: number,
  ): OutgoingRequest {
    const template = this.#templates.REQUEST_TO_SERVER;
    const id = this.#idOf(options);
    const ttl = ttlOf(timeout);
    const shaped = this.#shaped(template, topic, data, options, id, ttl);
    const event = shaped === undefined ? this.#event(topic, data, options, id) : undefined;
    const body = this.#checked("request an answer of", topic, shaped ?? this.#encoded(event!, ttl), template);
    return { topic, template, id: undefined, body, event, ttl, timeout, deadline: now() + timeout };
  }

  /** The body of a request, with the time that its caller still waits. */
  fresh(request: OutgoingRequest): OutgoingBody {
    const left = ttlOf(request.deadline - now());
    if (request.ttl - left > ttlAccuracy) {
      const { body, event } = request;
      request.ttl = left;
      request.body = event === undefined
        ? (body as ShapedBody).with(String(left))
        : this.#encoded(event, left);
    }
    return request.body;
  }

  /** A CloudEvent has to have one. */
  #idOf({ id, retry }: PublishOptions): string | undefined {
    const needed = retry === "unknown" || this.#options.protocol === "cloudevents";
    return needed ? id ?? randomUUID() : id;
  }

  /** The body of a message like one before; undefined where there was none. */
  #shaped(
    template: FrameTemplate,
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
    id: string | undefined,
    ttl?: number,
  ): ShapedBody | undefined {
    if (this.#options.protocol !== "eventmeshmessage") return undefined;
    if (options.contentType !== undefined || typeof data !== "string") return undefined;
    const properties = propertiesOf(options, id);
    if (ttl === undefined) return this.#shapes.body(template, topic, properties, data);
    // One that the caller has set is not what the server is to know.
    if (ttlProperty in properties) return undefined;
    return this.#shapes.body(template, topic, properties, data, ttlProperty, String(ttl));
  }

  #event(
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
    id: string | undefined,
  ): WireEvent {
    const { contentType, source, type } = options;
    if (this.#options.protocol === "eventmeshmessage") {
      return { topic, data, contentType, properties: propertiesOf(options, id) };
    }
    return { topic, id, data, contentType, source, type, properties: options.properties ?? none };
  }

  #encoded(event: WireEvent, ttl?: number): OutgoingBody {
    const { data, contentType, properties } = event;
    const { protocol } = this.#options;
    const more = ttl === undefined ? none : { [ttlProperty]: String(ttl) };
    if (ttl !== undefined && ttlProperty in properties) {
      return eventBody(protocol, { ...event, properties: { ...properties, ...more } });
    }
    const body = eventBody(protocol, event, more);
    if (protocol === "eventmeshmessage" && contentType === undefined && typeof data === "string") {
      this.#shapes.learn(properties, ttl === undefined ? undefined : ttlProperty);
    }
    return body;
  }

  #checked(action: string, topic: string, body: OutgoingBody, template: FrameTemplate): OutgoingBody {
    return checkSize(action, topic, body, template, this.#options.maxFrame);
  }
}

/** With the identity among them, for which an `eventmeshmessage` has no other place. */
function propertiesOf(
  { properties = none }: PublishOptions,
  id: string | undefined,
): Readonly<Record<string, string>> {
  return id === undefined ? properties : { ...properties, [messageIdProperty]: id };
}

/** Whole milliseconds: a fraction could not be read. */
function ttlOf(left: number): number {
  return Math.max(1, Math.round(Math.min(left, longestTtl)));
}
