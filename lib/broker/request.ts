import type { EventProtocol } from "../eventmesh/wire/mod.ts";
import type { WheelTarget, WheelTimer } from "../lifecycle/wheel.ts";
import type { Copy } from "./copy.ts";
import type { Ask, Holder, Message } from "./message.ts";

/** What a requester gets: the answer, or why there is none. */
export type Reply =
  | { readonly protocol: EventProtocol; readonly body: Uint8Array }
  | { readonly refusal: string };

/** A session that has made requests. */
export interface Asker {
  /** Its requests that are not answered. */
  readonly requests: Set<Request>;
  reply(request: Request, reply: Reply): void;
}

/** A request that waits for its answer. */
export class Request implements Ask, WheelTarget {
  /** Finds the request again when the reply comes; not to be guessed. */
  readonly id: string;
  readonly topic: string;
  readonly protocol: EventProtocol;
  /** The requester's own number for it. */
  readonly seq: string;
  readonly asker: Asker;
  readonly #onTimeout: (request: Request) => void;
  /** With the correlation properties in its body. */
  message: Message | undefined = undefined;
  /** One per group that has responders. */
  readonly copies: Copy[] = [];
  /** Who has got it and may answer. */
  readonly responders: Holder[] = [];
  timer: WheelTimer | undefined = undefined;
  done = false;

  constructor(
    id: string,
    topic: string,
    protocol: EventProtocol,
    seq: string,
    asker: Asker,
    onTimeout: (request: Request) => void,
  ) {
    this.id = id;
    this.topic = topic;
    this.protocol = protocol;
    this.seq = seq;
    this.asker = asker;
    this.#onTimeout = onTimeout;
  }

  taken(by: Holder): void {
    this.responders.push(by);
    by.owed++;
  }

  returned(by: Holder): void {
    const at = this.responders.indexOf(by);
    if (at < 0) return;
    this.responders.splice(at, 1);
    by.owed--;
  }

  onDeadline(): void {
    this.timer = undefined;
    this.#onTimeout(this);
  }
}
