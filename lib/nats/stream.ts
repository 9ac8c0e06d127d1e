import { randomUUID } from "node:crypto";
import {
  ClosedError,
  ConnectionLostError,
  MessageTooLargeError,
  OverflowError,
  PeerError,
  TimeoutError,
  UnsupportedError,
} from "../errors.ts";
import { now } from "../lifecycle/timer.ts";
import type { MessageData } from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { resolveOperation, wrong } from "../messaging/option.ts";
import type { NatsStreamPublishOptions, NatsStreamReceipt } from "./api.ts";
import { Attempts } from "./attempts.ts";
import { noResponders } from "./failure.ts";
import { Outgoing } from "./outgoing.ts";
import type { Publisher } from "./publisher.ts";

/** Milliseconds that one acknowledgement is waited for, where the message may be sent again. */
const patience = 5_000;

/**
 * Publishes to a stream: a request whose reply is the stream's acknowledgement. After a loss, when that does not come, or
 * when the stream cannot take it for now, it is sent again under the same id, and the stream drops what it has already.
 */
export async function publishToStream(
  publisher: Publisher,
  topic: string,
  data: MessageData,
  options: NatsStreamPublishOptions,
  maxPayload: number,
): Promise<NatsStreamReceipt> {
  const { signal, timeout, offline } = resolveOperation(options, 20_000);
  const { retry = "unknown" } = options;
  const outgoing = new StreamMessage(topic, data, options, maxPayload);
  outgoing.keep(true);
  const attempts = new Attempts(publisher.requests.exchange.counts, outgoing);
  const deadline = now() + timeout;
  for (let left = timeout;; left = Math.max(0, deadline - now())) {
    const before = outgoing.written;
    const share = retry === "unknown" ? Math.min(patience, left) : left;
    attempts.begin();
    try {
      await publisher.ask(outgoing, { signal, offline, timeout: share });
      return outgoing.receipt!;
    } catch (error) {
      attempts.end();
      if (signal?.aborted === true) throw signal.reason;
      // The answer to an earlier attempt.
      if (outgoing.receipt !== undefined) return outgoing.receipt;
      if (retry !== "unknown" || !mayRepeat(error)) throw before ? outgoing.uncertain(error) : error;
      if (now() >= deadline) throw outgoing.late(timeout, error);
    }
  }
}

/** This attempt is over, and no word about the message. */
function mayRepeat(error: unknown): boolean {
  if (error instanceof TimeoutError) return true;
  // Refused on the way, after one that has no answer: that is final.
  const refused = error instanceof ConnectionLostError && isRefusal(error.cause);
  return error instanceof ConnectionLostError && error.outcome === "unknown" && !refused;
}

function isRefusal(error: unknown): error is Error {
  return error instanceof PeerError || error instanceof MessageTooLargeError ||
    error instanceof OverflowError || error instanceof UnsupportedError;
}

/** A message on its way to a stream. */
class StreamMessage extends Outgoing {
  receipt: NatsStreamReceipt | undefined = undefined;
  readonly #retry: boolean;
  #refusal: PeerError | undefined = undefined;

  constructor(topic: string, data: MessageData, options: NatsStreamPublishOptions, maxPayload: number) {
    const { properties, retry = "unknown", stream } = options;
    if (stream !== undefined && typeof stream !== "string") {
      throw wrong("stream", "the name of a stream", stream);
    }
    const id = options.id ?? (retry === "unknown" ? randomUUID() : undefined);
    const expected = stream === undefined ? undefined : { "Nats-Expected-Stream": stream };
    super("publish to the stream of", topic, data, { id, properties }, maxPayload, expected);
    this.#retry = retry === "unknown";
  }

  override judge(reply: Message | undefined): PeerError | undefined {
    this.answers++;
    const refusal = reply === undefined
      ? this.#refuse(noResponders, "no stream listens there", true)
      : this.#read(reply);
    return this.#refusal = refusal;
  }

  /** It was sent before: what this attempt has ended with is not all there is to know. */
  uncertain(error: unknown): unknown {
    if (isRefusal(error)) return this.verdict(error);
    if (error instanceof ConnectionLostError && error.outcome === "not-sent") {
      return new ConnectionLostError(error.message, { outcome: "unknown", cause: error.cause });
    }
    if (error instanceof ClosedError && error.outcome === "not-sent") {
      return new ClosedError(error.message, { state: error.state, outcome: "unknown", cause: error.cause });
    }
    return error;
  }

  /** Its time is over. */
  late(timeout: number, cause: unknown): Error {
    // Each time it was sent it was refused: it is stored nowhere, and the last refusal says why.
    if (this.#refusal !== undefined && this.answers === this.writes) return this.#refusal;
    const outcome = this.written ? "unknown" : "not-sent";
    return new TimeoutError(`Cannot ${this.what}: no acknowledgement within ${timeout} ms`, {
      timeout,
      outcome,
      cause: this.#refusal ?? cause,
    });
  }

  #read(reply: Message): PeerError | undefined {
    let answer: StreamAnswer;
    try {
      answer = (reply.json() ?? {}) as StreamAnswer;
    } catch {
      return this.#refuse(0, "the answer is none of a stream");
    }
    const { error, stream, seq, duplicate = false } = answer;
    if (error !== undefined) {
      const { code = 0, description = "the stream refused it" } = error;
      return this.#refuse(code, description, error.err_code === notAvailable || code === tooManyRequests);
    }
    if (typeof stream !== "string" || typeof seq !== "number") {
      return this.#refuse(0, "the answer is none of a stream");
    }
    this.receipt ??= { stream, seq, duplicate };
    return undefined;
  }

  #refuse(status: number, description: string, passing = false): PeerError {
    return new PeerError(`Cannot ${this.what}: ${description}`, {
      status,
      description,
      // Where an earlier attempt is stored, that is the answer.
      transient: passing && this.#retry && this.receipt === undefined,
    });
  }
}

/** "JetStream system temporarily unavailable": what a cluster says while it elects. */
const notAvailable = 10_008;
/** Messages come faster than the stream stores them. */
const tooManyRequests = 429;

interface StreamAnswer {
  readonly error?: { readonly code?: number; readonly err_code?: number; readonly description?: string };
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
}
