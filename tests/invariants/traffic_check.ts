import { expect } from "vitest";
import { type Farewell, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { checkBalance, sumOf } from "./ledger.ts";
import type { TrafficOptions } from "./traffic.ts";
import type { Client, Seen } from "./traffic_client.ts";

/** Groups that have a member from the first message to the last. */
export const resident: readonly string[] = ["a", "b"];

/** What is compared with the Farewells. */
export interface Books {
  readonly options: Pick<TrafficOptions, "settle" | "weather">;
  readonly clients: readonly Client[];
  readonly seen: Seen;
}

/** Compares what the broker says, what its clients say, and what the test has counted. */
export function checkTraffic(broker: Farewell, farewells: readonly Farewell[], books: Books): void {
  const { clients, options: { settle, weather } } = books;
  checkBalance(broker);
  for (const [i, client] of clients.entries()) {
    checkBalance(farewells[i]!);
    client.ledger.check(farewells[i]!);
    checkDeliveries(farewells[i]!, client, weather === "calm");
  }
  const text = [broker, ...farewells].map(formatFarewell).join("\n");
  const { messages, connections } = sumOf(farewells);
  expect(broker.childCount, text).toBe(broker.connections.opened);
  expect(broker.connections.opened, text).toBeGreaterThanOrEqual(connections.opened);
  // The server may have got more than a client was told, and nothing that it was not.
  const { confirmed, acked, dropped, received, returned } = broker.messages;
  expect(confirmed, text).toBeGreaterThanOrEqual(messages.confirmed);
  expect(confirmed, text).toBeLessThanOrEqual(messages.confirmed + messages.unconfirmed);
  expect(acked, text).toBeLessThanOrEqual(messages.acked + messages.dropped);
  checkMessages(books, dropped + messages.dropped);
  if (weather !== "wild") {
    // Each message that the broker took was for every group of the residents, and has one fate in each.
    const copies = received - returned;
    expect(copies, text).toBeLessThanOrEqual(confirmed * resident.length);
    if (settle) {
      expect({ copies, dropped }, text).toEqual({ copies: confirmed * resident.length, dropped: 0 });
    }
  }
  if (weather === "calm") {
    const { published } = broker.messages;
    expect(broker.outcome, text).toBe("clean");
    expect(messages, text).toMatchObject({ published, confirmed, rejected: 0, unconfirmed: 0, acked });
    expect(connections, text).toEqual(broker.connections);
  }
}

/** What subscriptions say is what their handlers have seen, and what their connection says is the sum of it. */
function checkDeliveries({ messages }: Farewell, { subscriptions }: Client, calm: boolean): void {
  const handed = subscriptions.reduce((sum, one) => sum + one.handed, 0);
  const done = subscriptions.reduce((sum, one) => sum + one.done, 0);
  expect(handed).toBeLessThanOrEqual(messages.received);
  expect(messages.acked).toBeLessThanOrEqual(done);
  if (calm) expect(messages.acked).toBe(done);
}

/** No confirmed message is missing that nobody has counted, and nothing is there that was never sent. */
function checkMessages({ clients, seen }: Books, dropped: number): void {
  const fates = new Map(clients.flatMap(({ ledger }) => [...ledger.fates]));
  const missing: string[] = [];
  for (const [text, fate] of fates) {
    const question = text.startsWith("question");
    // A request that was rejected may have been with a responder that gave no answer.
    if (fate === "withheld" || (fate === "rejected" && !question)) {
      expect(seen.any.has(text), `${fate} ${text}`).toBe(false);
    }
    if (fate !== "confirmed") continue;
    if (question) expect(seen.any.has(text), `answered ${text}`).toBe(true);
    else for (const group of resident) if (!seen.of(group).has(text)) missing.push(`${text} for ${group}`);
  }
  for (const text of seen.any) expect(fates.has(text), text).toBe(true);
  expect(missing.length, missing.join(", ")).toBeLessThanOrEqual(dropped);
}
