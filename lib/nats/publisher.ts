import type { PermissionViolationError } from "@nats-io/nats-core/internal";
import { ConnectionLostError, OverflowError, type SendOutcome } from "../errors.ts";
import type { ExchangeCounts } from "../flow/counts.ts";
import { Exchange } from "../flow/exchange.ts";
import type { SubmitOptions } from "../flow/operation.ts";
import type { MessageCounts, OperationCounts } from "../lifecycle/farewell.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import { now } from "../lifecycle/timer.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type {
  MessageData,
  OperationOptions,
  PublishOptions,
  RequestOptions,
} from "../messaging/connection.ts";
import type { Message } from "../messaging/message.ts";
import { checkObject, resolveOperation } from "../messaging/option.ts";
import type { NatsUnconfirmedOptions } from "./api.ts";
import { Confirmations } from "./confirmations.ts";
import { denialOf } from "./failure.ts";
import type { Link } from "./link.ts";
import type { ResolvedOptions } from "./options.ts";
import { checkAgain, Outgoing } from "./outgoing.ts";
import { refuseAll, Requests } from "./requests.ts";

/** All exchanges of a publisher, as far as their state goes. */
type AnyExchange = Pick<
  Exchange<never, never>,
  "close" | "counts" | "idle" | "lost" | "open" | "outstanding" | "stop" | "writable"
>;

/** The sending side of a connection: what is published and asked, and waits for its confirmation. */
export class Publisher {
  readonly requests: Requests;
  readonly #options: ResolvedOptions;
  readonly #lifecycle: Lifecycle;
  readonly #link: () => Link;
  readonly #publishes: Exchange<Outgoing, void>;
  readonly #pings: Exchange<string, void>;
  readonly #confirmations: Confirmations;
  readonly #exchanges: readonly AnyExchange[];
  #full = false;
  #stopped = false;
  #seq = 0;
  /** Lost messages that a flush has told of. */
  #told = 0;
  /** Denials that are still to come for messages that were refused with the first, by subject. */
  readonly #refused: Map<string, { left: number }> = new Map();

  constructor(options: ResolvedOptions, wheel: TimerWheel, lifecycle: Lifecycle, link: () => Link) {
    this.#options = options;
    this.#lifecycle = lifecycle;
    this.#link = link;
    this.#publishes = new Exchange({
      wheel,
      window: options.window,
      maxWaiting: options.maxWaiting,
      nextSeq: () => ++this.#seq,
      describe: ({ what }) => what,
      explain: (error, outgoing) => outgoing.verdict(error),
      write: (seq, outgoing) => this.#write(seq, outgoing),
    });
    let pings = 0;
    this.#pings = new Exchange({
      wheel,
      maxWaiting: options.maxWaiting,
      nextSeq: () => ++pings,
      describe: (action) => action,
      write: (seq) => link().ping({ resolve: () => this.#pings.settle(seq, undefined), reject() {} }),
    });
    this.requests = new Requests(options, wheel, link);
    this.#confirmations = new Confirmations(link, {
      confirmed: (from, to) => {
        for (let seq = from; seq <= to; seq++) this.#publishes.settle(seq, undefined);
      },
      room: () => this.#regulate(),
    });
    this.#exchanges = [this.#publishes, this.requests.exchange, this.#pings];
  }

  async publish(topic: string, data: MessageData, options: PublishOptions): Promise<void> {
    const submit = resolveOperation(options, 20_000);
    const outgoing = new Outgoing("publish to", topic, data, options, this.#link().maxPayload);
    await this.submit(outgoing, submit);
  }

  /** Publishes what was composed, confirmed. What is wrong with it is a rejection. */
  submit(outgoing: Outgoing, options: SubmitOptions): Promise<void> {
    try {
      outgoing.check(this.#link());
    } catch (error) {
      return Promise.reject(error);
    }
    const submitted = this.#publishes.submit(outgoing, options);
    outgoing.keep(options.retry === "unknown");
    return submitted;
  }

  publishUnconfirmed(topic: string, data: MessageData, options: NatsUnconfirmedOptions): void {
    checkObject(options);
    const link = this.#link();
    const outgoing = new Outgoing("publish to", topic, data, options, link.maxPayload);
    outgoing.check(link);
    const action = outgoing.what;
    const refusal = this.refused(action);
    if (refusal !== undefined) throw refusal;
    if (!link.up) {
      throw new ConnectionLostError(`Cannot ${action}: there is no connection`, { outcome: "not-sent" });
    }
    const { windowBytes } = this.#options;
    if (this.#full || this.#confirmations.bytes >= windowBytes) {
      const message =
        `Cannot ${action}: ${this.#confirmations.bytes} bytes are not confirmed, ${windowBytes} may be`;
      throw new OverflowError(message, { capacity: windowBytes });
    }
    const waiting = this.#publishes.pending - this.#publishes.outstanding;
    if (waiting > 0) {
      // It would overtake them.
      const { window } = this.#publishes;
      throw new OverflowError(
        `Cannot ${action}: ${waiting} messages wait for a place in the window of ${window}`,
        {
          capacity: window,
        },
      );
    }
    this.#confirmations.unawaited(topic, this.#put(outgoing));
    this.#regulate();
  }

  /** What is wrong with it is a rejection. The promise is that of the operation: there are many of them at a time. */
  request(topic: string, data: MessageData, options: RequestOptions): Promise<Message> {
    try {
      const submit = resolveOperation(options, 5_000);
      const outgoing = new Outgoing("request an answer of", topic, data, options, this.#link().maxPayload);
      return this.ask(outgoing, submit.retry === undefined ? submit : { ...submit, retry: "never" });
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Publishes what was composed, and waits for a reply to it. */
  ask(outgoing: Outgoing, options: SubmitOptions): Promise<Message> {
    try {
      this.requests.check(outgoing);
      outgoing.check(this.#link());
    } catch (error) {
      return Promise.reject(error);
    }
    const submitted = this.requests.exchange.submit(outgoing, options);
    outgoing.keep(false);
    return submitted;
  }

  async flush(options: OperationOptions): Promise<void> {
    const submit = resolveOperation(options, 20_000);
    const { unconfirmed } = this.#confirmations;
    const { lost } = unconfirmed;
    if (lost > this.#told && !this.#stopped && submit.signal?.aborted !== true) {
      throw this.#tell(lost - this.#told);
    }
    try {
      await this.#pings.submit("flush", submit);
    } catch (error) {
      // This is how its caller learns of what was lost together with it.
      if (error instanceof ConnectionLostError) this.#told = unconfirmed.lost;
      throw error;
    }
    // The PING has waited, and was written to the connection behind the one that they were lost with.
    if (unconfirmed.lost > lost) throw this.#tell(unconfirmed.lost - lost);
  }

  #tell(count: number): ConnectionLostError {
    this.#told = this.#confirmations.unconfirmed.lost;
    const message = `Cannot flush: ${count} unconfirmed messages were lost with an earlier connection`;
    return new ConnectionLostError(message, { outcome: "unknown" });
  }

  async ping(options: OperationOptions): Promise<number> {
    const submit = resolveOperation(options, 5_000);
    const start = now();
    await this.#pings.submit("ping the server", { ...submit, offline: "fail" });
    return now() - start;
  }

  opened(epoch: number): void {
    this.#full = false;
    // As it is in an exchange that opens: what is written in the midst of that is regulated from there.
    this.#writable = true;
    // One PING confirms what was written in a tick, and goes with it.
    this.#link().wire.ticker = this.#confirmations;
    // What waited may fill the transport at once: then the next goes on waiting.
    for (const exchange of this.#exchanges) exchange.open(epoch, !this.#full);
  }

  full(): void {
    this.#full = true;
    for (const exchange of this.#exchanges) if (exchange !== this.#publishes) exchange.writable = false;
    this.#regulate();
  }

  drain(): void {
    this.#full = false;
    for (const exchange of this.#exchanges) if (exchange !== this.#publishes) exchange.writable = true;
    this.#regulate();
  }

  lost(cause: Error, epoch: number): void {
    this.#confirmations.lost();
    this.#refused.clear();
    for (const exchange of this.#exchanges) exchange.lost(cause, epoch);
    this.requests.lost(cause);
  }

  /**
   * The user may not publish there: all that was published there goes the same way. The server says so once per message;
   * what belongs to no publish and no request, a reply of a handler for example, nobody else would be told.
   */
  denied(error: PermissionViolationError): void {
    const { subject } = error;
    const unawaited = this.#confirmations.denied(subject);
    const count = unawaited + refuseAll(this.#publishes, subject, (what) => denialOf(error, what)) +
      this.requests.denied(error);
    const left = (this.#refused.get(subject)?.left ?? 0) + count - 1;
    if (left > 0) this.#refuse(subject, left, count > 0);
    else this.#refused.delete(subject);
    if (unawaited > 0 || left < 0) this.#lifecycle.fault(denialOf(error, `publish to "${subject}"`));
  }

  /** So many denials are still to come; behind the answer to a PING that is sent now none of them is. */
  #refuse(subject: string, left: number, more: boolean): void {
    const known = this.#refused.get(subject);
    if (known !== undefined && !more) {
      known.left = left;
      return;
    }
    const refused = { left };
    this.#refused.set(subject, refused);
    this.#link().ping({
      resolve: () => {
        if (this.#refused.get(subject) === refused) this.#refused.delete(subject);
      },
      reject() {},
    });
  }

  /** Refuses what is new. */
  stop(): void {
    this.#stopped = true;
    for (const exchange of this.#exchanges) exchange.stop(this.#refusal);
  }

  /** Why an operation comes too late; undefined while new ones are taken. */
  refused(action: string): Error | undefined {
    return this.#stopped ? this.#lifecycle.refusal(action) : undefined;
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await Promise.all([...this.#exchanges.map((exchange) => exchange.idle()), this.requests.idle()]);
  }

  /** Gives up what is still on its way. */
  close(): void {
    this.#stopped = true;
    for (const exchange of this.#exchanges) exchange.close(this.#refusal);
    this.requests.close(this.#refusal);
  }

  get operations(): OperationCounts {
    return sum(this.#exchanges, ["settled", "aborted", "refused"]);
  }

  get messages(): Pick<MessageCounts, "published" | "confirmed" | "rejected" | "unconfirmed"> {
    const counts = sum([this.#publishes, this.requests.exchange], [
      "published",
      "confirmed",
      "rejected",
      "unconfirmed",
    ]);
    const { published, confirmed, rejected } = this.#confirmations.unconfirmed;
    return {
      published: counts.published + published,
      confirmed: counts.confirmed + confirmed,
      rejected: counts.rejected + rejected,
      unconfirmed: counts.unconfirmed + published - confirmed - rejected,
    };
  }

  readonly #refusal = (action: string, outcome: SendOutcome): Error =>
    this.#lifecycle.refusal(action, outcome);

  #write(seq: number, outgoing: Outgoing): void {
    checkAgain(outgoing, this.#link());
    outgoing.seq = seq;
    this.#confirmations.written(seq, this.#put(outgoing));
    this.#regulate();
  }

  /** Returns the bytes of the frame: a message without a body takes room, too. */
  #put(outgoing: Outgoing): number {
    const { writer, outbox } = this.#link().wire;
    outgoing.writes++;
    const before = writer.length;
    writer.publish(outgoing);
    const bytes = writer.length - before;
    outbox.touch();
    return bytes;
  }

  /** The window in bytes: what is beyond it waits. */
  #regulate(): void {
    const writable = !this.#full && this.#confirmations.bytes < this.#options.windowBytes;
    if (writable !== this.#writable) this.#publishes.writable = this.#writable = writable;
  }
  #writable = true;
}

function sum<K extends keyof ExchangeCounts>(
  exchanges: readonly Pick<AnyExchange, "counts">[],
  keys: readonly K[],
): Record<K, number> {
  const entries = keys.map((key) => [key, exchanges.reduce((total, { counts }) => total + counts[key], 0)]);
  return Object.fromEntries(entries) as Record<K, number>;
}
