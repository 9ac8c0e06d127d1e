import { randomUUID } from "node:crypto";
import { ClosedError, ConnectionLostError, PeerError, TimeoutError } from "../errors.ts";
import { now } from "../lifecycle/timer.ts";
import type { MessageData } from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import type { NatsStreamPublishOptions, NatsStreamReceipt } from "./api.ts";
import { resolveOperation, wrong } from "./options.ts";
import { Outgoing } from "./outgoing.ts";
import type { Publisher } from "./publisher.ts";

/** Milliseconds that one acknowledgement is waited for, where the message may be sent again. */
const patience = 5_000;

/**
 * Publishes to a stream: a request whose reply is the stream's acknowledgement. After a loss, or when that does not come,
 * it is sent again under the same id, and the stream drops what it has already.
 */
export async function publishToStream(
  publisher: Publisher,
  topic: string,
  data: MessageData,
  options: NatsStreamPublishOptions,
  maxPayload: number,
): Promise<NatsStreamReceipt> {
  const { signal, timeout, offline } = resolveOperation(options, 20_000);
  const { stream, retry = "unknown" } = options;
  if (stream !== undefined && typeof stream !== "string") {
    throw wrong("stream", "the name of a stream", stream);
  }
  const id = options.id ?? (retry === "unknown" ? randomUUID() : undefined);
  const expected = stream === undefined ? undefined : { "Nats-Expected-Stream": stream };
  const action = "publish to the stream of";
  const outgoing = new Outgoing(
    action,
    topic,
    data,
    { id, properties: options.properties },
    maxPayload,
    expected,
  );
  outgoing.keep(true);
  const deadline = now() + timeout;
  for (;;) {
    const left = Math.max(0, deadline - now());
    const before = outgoing.written;
    const share = retry === "unknown" ? Math.min(patience, left) : left;
    try {
      return receiptOf(
        await publisher.requests.exchange.submit(outgoing, { signal, offline, timeout: share }),
        topic,
      );
    } catch (error) {
      const again = error instanceof TimeoutError ||
        error instanceof ConnectionLostError && error.outcome === "unknown";
      if (!again || retry !== "unknown" || signal?.aborted === true) {
        throw before ? uncertain(error) : error;
      }
      if (now() < deadline) continue;
      const outcome = outgoing.written ? "unknown" : "not-sent";
      throw new TimeoutError(`Cannot ${action} "${topic}": no acknowledgement within ${timeout} ms`, {
        timeout,
        outcome,
        cause: error,
      });
    }
  }
}

/** It was not sent this time, and it was before. */
function uncertain(error: unknown): unknown {
  if (error instanceof ConnectionLostError && error.outcome === "not-sent") {
    return new ConnectionLostError(error.message, { outcome: "unknown", cause: error.cause });
  }
  if (error instanceof ClosedError && error.outcome === "not-sent") {
    return new ClosedError(error.message, { state: error.state, outcome: "unknown", cause: error.cause });
  }
  return error;
}

interface StreamAnswer {
  readonly error?: { readonly code?: number; readonly description?: string };
  readonly stream?: string;
  readonly seq?: number;
  readonly duplicate?: boolean;
}

function receiptOf(message: Message, topic: string): NatsStreamReceipt {
  const refused = (status: number, description: string): PeerError =>
    new PeerError(`Cannot publish to the stream of "${topic}": ${description}`, { status, description });
  let answer: StreamAnswer;
  try {
    answer = message.json() as StreamAnswer;
  } catch {
    throw refused(0, "the answer is none of a stream");
  }
  const { error, stream, seq, duplicate = false } = answer ?? {};
  if (error !== undefined) throw refused(error.code ?? 0, error.description ?? "the stream refused it");
  if (typeof stream !== "string" || typeof seq !== "number") {
    throw refused(0, "the answer is none of a stream");
  }
  return { stream, seq, duplicate };
}
