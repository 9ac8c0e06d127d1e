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
  readonly event: WireEvent;
  /** Milliseconds that its caller waits in all. */
  readonly timeout: number;
  readonly deadline: number;
  /** The `ttl` that its body was written with. */
  ttl: number;
}

/** Property that carries the identity of an `eventmeshmessage`, which has none of its own. */
export const messageIdProperty = "msgid";
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
    const { id, retry } = options;
    const event = this.#event(topic, data, options, retry === "unknown" ? id ?? randomUUID() : id);
    const template = this.#templates[cmd];
    return { topic, template, id: event.id, body: this.#encode(event, "publish to", template) };
  }

  /** @throws {TypeError | MessageTooLargeError} it cannot be sent. */
  request(
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
    timeout: number,
  ): OutgoingRequest {
    const event = this.#event(topic, data, options, options.id);
    const ttl = ttlOf(timeout);
    const template = this.#templates.REQUEST_TO_SERVER;
    const body = this.#encode(event, "request an answer of", template, ttl);
    return { topic, template, id: event.id, body, event, ttl, timeout, deadline: now() + timeout };
  }

  /** The body of a request, with the time that its caller still waits. */
  fresh(request: OutgoingRequest): OutgoingBody {
    const left = ttlOf(request.deadline - now());
    if (request.ttl - left > ttlAccuracy) {
      request.ttl = left;
      request.body = this.#body(request.event, left);
    }
    return request.body;
  }

  #event(
    topic: string,
    data: MessageData,
    options: PublishOptions & EventMeshMessageOptions,
    id: string | undefined,
  ): WireEvent {
    const { properties = none, contentType, source, type } = options;
    if (this.#options.protocol === "cloudevents") {
      return { topic, id: id ?? randomUUID(), data, contentType, source, type, properties };
    }
    const named = id === undefined ? properties : { ...properties, [messageIdProperty]: id };
    return { topic, data, contentType, properties: named };
  }

  #encode(event: WireEvent, action: string, template: FrameTemplate, ttl?: number): OutgoingBody {
    return checkSize(action, event.topic, this.#body(event, ttl), template, this.#options.maxFrame);
  }

  #body(event: WireEvent, ttl: number | undefined): OutgoingBody {
    const { topic, data, contentType, properties } = event;
    const { protocol } = this.#options;
    const own = ttl === undefined ? undefined : "ttl";
    const more = own === undefined ? none : { [own]: String(ttl) };
    // One that the caller has set is not what the server is to know.
    const replaced = own !== undefined && own in properties;
    if (replaced) return eventBody(protocol, { ...event, properties: { ...properties, ...more } });
    if (protocol !== "eventmeshmessage" || contentType !== undefined || typeof data !== "string") {
      return eventBody(protocol, event, more);
    }
    const shaped = this.#shapes.body(
      topic,
      properties,
      data,
      own,
      own === undefined ? undefined : String(ttl),
    );
    if (shaped !== undefined) return shaped;
    const body = eventBody(protocol, event, more);
    this.#shapes.learn(properties, own);
    return body;
  }
}

/** Whole milliseconds: a fraction could not be read. */
function ttlOf(left: number): number {
  return Math.max(1, Math.round(Math.min(left, longestTtl)));
}
