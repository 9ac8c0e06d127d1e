import type { Exchange } from "../flow/exchange.ts";
import type { Outgoing } from "./outgoing.ts";
import { type Packet, peekEventId } from "./wire/mod.ts";

/**
 * Tells which publish an acknowledgement of one server is for, on whichever session it comes.
 *
 * The runtimes 1.10 to 1.12 take its `seq` from where the latest publish of any client has left its own
 * (`MessageTransferProcessor`, one object for all). Of two that overlap the later is named twice and the earlier never,
 * and the first of the two acknowledgements says nothing about the later, which may still be refused. The body knows
 * better: it is the event that was stored, whose id is the `seq` of an `eventmeshmessage`, or the id of a CloudEvent.
 */
export class Confirmations {
  readonly server: string;
  readonly #publishes: Pick<Exchange<Outgoing, void>, "find">;
  /** A body of this server has named a publish of ours; from then on one that names none is for another client. */
  #named = false;

  constructor(server: string, publishes: Pick<Exchange<Outgoing, void>, "find">) {
    this.server = server;
    this.#publishes = publishes;
  }

  /** Sequence number of the publish; NaN when it is none of ours. */
  seqOf(packet: Packet): number {
    const { seqNumber } = packet;
    const id = packet.bodyLength === 0 ? undefined : peekEventId(packet.body);
    if (id === undefined) return seqNumber;
    const seq = this.#publishes.find(
      seqNumber,
      (outgoing, seq) => outgoing.id === undefined ? Number(id) === seq : outgoing.id === id,
    );
    if (seq !== undefined) this.#named = true;
    return seq ?? (this.#named ? NaN : seqNumber);
  }
}
