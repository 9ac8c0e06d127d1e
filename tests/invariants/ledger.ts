import { expect } from "vitest";
import { ClosedError, ConnectionLostError, PeerError, TimeoutError } from "../../lib/errors.ts";
import { type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";

/**
 * What became of a message, as its publisher was told.
 *
 * - `confirmed`: the server has it.
 * - `rejected`: the server has said no.
 * - `withheld`: no byte of it was written.
 * - `unknown`: the server may have it.
 */
export type Fate = "confirmed" | "rejected" | "withheld" | "unknown";

/** What one connection was asked for, and what it has said: the book that its Farewell is compared with. */
export class Ledger {
  readonly confirmed: Set<string> = new Set();
  /** Everything that was asked for, by its text. Without a fate: pending, or aborted. */
  readonly fates: Map<string, Fate | undefined> = new Map();
  started = 0;
  rejected = 0;
  /** Ended by the loss of the connection, or by time. */
  failed = 0;
  /** Ended because the connection did. */
  refused = 0;
  aborted = 0;
  /** Of the ones that failed or were refused: those that had been written. */
  unknown = 0;
  /** Of them, those that the peer does not have: never written, or refused each time. */
  withheld = 0;
  /** Ends that there must not be. */
  readonly strange: unknown[] = [];

  get settled(): number {
    return this.confirmed.size + this.rejected + this.failed + this.refused + this.aborted;
  }

  /** Books an operation, by a text that no other has. */
  async book(text: string, operation: Promise<unknown>, signal?: AbortSignal): Promise<void> {
    this.started++;
    this.fates.set(text, undefined);
    try {
      await operation;
      this.confirmed.add(text);
      this.fates.set(text, "confirmed");
    } catch (error) {
      const fate = this.#end(error, signal);
      if (fate !== undefined) this.fates.set(text, fate);
    }
  }

  #end(error: unknown, signal: AbortSignal | undefined): Fate | undefined {
    if (signal?.aborted === true && Object.is(error, signal.reason)) {
      this.aborted++;
      return undefined;
    }
    if (error instanceof PeerError) {
      this.rejected++;
      return "rejected";
    }
    if (error instanceof ClosedError) this.refused++;
    else if (error instanceof ConnectionLostError || error instanceof TimeoutError) this.failed++;
    else {
      this.strange.push(error);
      return undefined;
    }
    if (error.outcome !== "unknown") {
      this.withheld++;
      return "withheld";
    }
    this.unknown++;
    return "unknown";
  }

  /** The Farewell of the connection says what the caller was told, operation by operation. */
  check(farewell: Farewell): void {
    const { operations, messages } = farewell;
    const text = formatFarewell(farewell);
    expect(this.strange, "ends of operations").toEqual([]);
    expect(this.settled, "each operation settles once").toBe(this.started);
    expect(operations, text).toEqual({
      settled: this.confirmed.size + this.rejected + this.failed,
      aborted: this.aborted,
      refused: this.refused,
    });
    expect(messages.confirmed, text).toBe(this.confirmed.size);
    expect(messages.published, text).toBe(messages.confirmed + messages.rejected + messages.unconfirmed);
    // What was aborted may have been written or not, and the last answer that it got may have been a refusal.
    const without = messages.rejected + messages.unconfirmed - this.rejected;
    expect(without, text).toBeGreaterThanOrEqual(this.unknown);
    const refused = Math.min(this.withheld, messages.rejected - this.rejected);
    expect(without, text).toBeLessThanOrEqual(this.unknown + this.aborted + refused);
    expect(messages.rejected, text).toBeGreaterThanOrEqual(this.rejected);
  }
}

/** What every Farewell must say of itself. */
export function checkBalance(farewell: Farewell): void {
  const { connections, messages, residue } = farewell;
  const text = formatFarewell(farewell);
  expect(messages.published, text).toBe(messages.confirmed + messages.rejected + messages.unconfirmed);
  expect(messages.received, text).toBe(messages.acked + messages.returned + messages.dropped);
  expect(connections.opened, text).toBe(connections.clean + connections.forced + connections.lost);
  expect(residue, text).toEqual({ sockets: 0, timers: 0, listeners: 0 });
}

/** The sum of what all clients say, to be compared with what their server says. */
export function sumOf(farewells: readonly Farewell[]): Pick<Farewell, "messages" | "connections"> {
  const add = <T extends object>(parts: readonly T[]): T => {
    const sum: Record<string, number> = {};
    for (const part of parts) {
      for (const [key, count] of Object.entries(part)) sum[key] = (sum[key] ?? 0) + (count as number);
    }
    return sum as T;
  };
  return {
    messages: add(farewells.map(({ messages }) => messages)),
    connections: add(farewells.map(({ connections }) => connections)),
  };
}
