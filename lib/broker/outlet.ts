import { OverflowError, TimeoutError } from "../errors.ts";
import {
  type Command,
  DELIVERY_COUNT,
  type EventProtocol,
  type FrameTemplate,
  FrameWriter,
  type Header,
  SEQ_DIGITS,
  type SpareBuffers,
} from "../eventmesh/wire/mod.ts";
import { Outbox, type OutboxOwner } from "../flow/outbox.ts";
import type { WheelTimer } from "../lifecycle/wheel.ts";
import type { Transport } from "../server/mod.ts";
import type { PushCommand } from "./consumer.ts";
import type { Timers } from "./context.ts";
import type { Copy } from "./copy.ts";
import { emptyMessage, messageFrame } from "./frames.ts";
import type { Turn } from "./turn.ts";

/** What the outlets of one broker share. */
export interface OutletOptions {
  /** Bytes. */
  readonly maxFrame: number;
  /** Milliseconds that a peer may take nothing while it is not read. */
  readonly patience: number;
  readonly timers: Timers;
  readonly spare: SpareBuffers;
  readonly turn: Turn;
}

/** Whose an {@linkcode Outlet} is. */
export interface OutletOwner {
  readonly id: number;
  /** Undefined before its hello is accepted. */
  readonly identity: unknown;
  /** The peer takes nothing: this is why it is cut. */
  cut(reason: unknown): void;
}

/**
 * What goes out to one client: the frames of one tick in one write. Pushes stop when the transport is full. Answers
 * cannot, so a client that asks and asks and takes no answer is not read any further until it does, and cut when it
 * does not.
 */
export class Outlet implements OutboxOwner {
  readonly #transport: Transport;
  readonly #owner: OutletOwner;
  readonly #options: OutletOptions;
  // Made when there is something to say: few of thousands of idle sessions have.
  #writer: FrameWriter | undefined = undefined;
  #outbox: Outbox | undefined = undefined;
  #stalled: WheelTimer | undefined = undefined;
  /** The transport has taken less than it was given. */
  #blocked = false;
  /** Answers that were written since. */
  #owed = 0;
  #closed = false;

  constructor(transport: Transport, owner: OutletOwner, options: OutletOptions) {
    this.#transport = transport;
    this.#owner = owner;
    this.#options = options;
  }

  get #frames(): FrameWriter {
    return this.#writer ??= new FrameWriter(this.#options);
  }

  /** The transport asks to wait. */
  onFull(): void {
    this.#blocked = true;
  }

  /** The transport has room. */
  get writable(): boolean {
    return !this.#blocked;
  }

  push(command: PushCommand, { deliveries, message, seq }: Copy): void {
    if (this.#closed) return;
    const { body, protocol } = message;
    if (deliveries === 1) {
      this.#frames.templated(messageFrame(command, protocol), seq, body);
    } else {
      const properties = { protocoltype: protocol, [DELIVERY_COUNT]: String(deliveries) };
      this.#frames.frame({ cmd: command, seq: String(seq), properties }, body);
    }
    this.#touch();
  }

  send(header: Header, body?: string | Uint8Array): void {
    if (this.#closed) return;
    this.#frames.frame(header, body);
    this.#written();
  }

  sendTemplated(template: FrameTemplate, seq: number | string, body?: Uint8Array): void {
    if (this.#closed) return;
    this.#frames.templated(template, seq, body);
    this.#written();
  }

  /** Sends a refusal; one that answers a request has a body that every client can read. */
  refuse(
    cmd: Command,
    number: number | string | undefined,
    desc: string,
    protocol: EventProtocol,
    topic: string,
  ): void {
    const seq = typeof number === "number" ? String(number).padStart(SEQ_DIGITS, "0") : number;
    const header = { cmd, code: 1, desc, seq };
    if (cmd !== "RESPONSE_TO_CLIENT") return this.send(header);
    this.send(
      { ...header, properties: { protocoltype: protocol } },
      emptyMessage(protocol, topic, seq ?? ""),
    );
  }

  /** Hands over everything now. */
  flush(): void {
    this.#outbox?.flush();
  }

  /** The transport has room again. */
  drained(): void {
    this.#blocked = false;
    this.#owed = 0;
    if (this.#stalled === undefined) return;
    this.#stalled.cancel();
    this.#stalled = undefined;
    this.#transport.resume();
  }

  /** Hands over everything, and takes no more. */
  finish(): void {
    this.flush();
    this.close();
  }

  /** Nothing goes out any more. */
  close(): void {
    this.#closed = true;
    this.#stalled?.cancel();
    this.#stalled = undefined;
  }

  #touch(): void {
    this.#outbox ??= new Outbox(this.#transport, this.#frames, this, this.#options.turn.after);
    this.#outbox.touch();
  }

  #written(): void {
    this.#touch();
    const owner = this.#owner;
    const { maxFrame, patience, timers } = this.#options;
    if (owner.identity === undefined) return this.#cutAbove(strangersBytes);
    if (!this.#blocked) return;
    if (++this.#owed >= answersOwed && this.#stalled === undefined) {
      this.#transport.pause();
      const message = `Cannot go on with session ${owner.id}: it took no answer in ${patience} ms`;
      const onDeadline = (): void => owner.cut(new TimeoutError(message, { timeout: patience }));
      this.#stalled = timers.add(patience, { onDeadline });
    }
    this.#cutAbove(Math.max(bytesOwed, 4 * maxFrame));
  }

  #cutAbove(capacity: number): void {
    if (this.#transport.buffered <= capacity) return;
    const { id } = this.#owner;
    const message =
      `Cannot go on with session ${id}: it takes no answers, and more than ${capacity} bytes are waiting`;
    this.#owner.cut(new OverflowError(message, { capacity }));
  }
}

/** Answers that may be waiting in a transport that does not take them, before the client is not read any further. */
const answersOwed = 1_024;
/** Bytes that may be waiting for a client whose hello is not accepted, before it is cut. */
const strangersBytes = 65_536;
/** Bytes that may be waiting there, at least, before the client is cut. */
const bytesOwed = 16 * 1_048_576;
