import { describe, expect, it } from "vitest";
import { type ClosedError, PeerError, type TimeoutError } from "../../lib/errors.ts";
import type { EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { Outcome } from "../../lib/lifecycle/mod.ts";
import type { FaultMode } from "../support/fault.ts";
import { turns } from "../support/until.ts";
import { expectError, type Ground, type Operation, withFault } from "./kit.ts";

/** How an operation ends when its peer goes wrong in the moment in which it should answer. */
type Ending = "ok" | "timeout" | "refused" | "lost";

interface Expected {
  readonly connect: Ending;
  readonly subscribe: Ending;
  readonly publish: Ending;
  readonly request: Ending;
  readonly goodbye: Outcome;
  /** A goodbye without any grace, when a publish was not answered as it should. */
  readonly forced: Outcome;
}

type Operations = Omit<Expected, "goodbye" | "forced">;
const answers: Operations = { connect: "ok", subscribe: "ok", publish: "ok", request: "ok" };
const silence: Operations = {
  connect: "timeout",
  subscribe: "timeout",
  publish: "timeout",
  request: "timeout",
};
const loss: Operations = { connect: "lost", subscribe: "lost", publish: "lost", request: "lost" };

/** What every mode of a server leads to, operation by operation. */
export const clientTable: Readonly<Record<FaultMode, Expected>> = {
  "healthy": { ...answers, goodbye: "clean", forced: "forced" },
  "silent": { ...silence, goodbye: "forced", forced: "forced" },
  "connect-and-idle": { ...silence, connect: "ok", goodbye: "forced", forced: "forced" },
  "busy": {
    connect: "refused",
    subscribe: "timeout",
    publish: "timeout",
    request: "timeout",
    goodbye: "clean",
    forced: "forced",
  },
  "slow": { ...answers, goodbye: "clean", forced: "forced" },
  "never-read": { ...silence, goodbye: "forced", forced: "forced" },
  // It has answered the goodbye and does not end: the client waits a second for that, and no longer.
  "never-fin": { ...answers, goodbye: "clean", forced: "forced" },
  "half-open": { ...silence, goodbye: "forced", forced: "forced" },
  "half-closed": { ...loss, goodbye: "failed", forced: "forced" },
  "partial-frame": { ...loss, goodbye: "failed", forced: "forced" },
  "rst-on-goodbye": { ...loss, goodbye: "failed", forced: "forced" },
  "rst-after-goodbye": { ...answers, goodbye: "clean", forced: "forced" },
  "rst-at-byte-n": { ...loss, goodbye: "failed", forced: "forced" },
  "garbage": { ...loss, goodbye: "failed", forced: "forced" },
  "flood": { ...answers, goodbye: "clean", forced: "forced" },
};

const modes = Object.keys(clientTable) as FaultMode[];
const operations: readonly Exclude<Operation, "connect" | "goodbye">[] = ["subscribe", "publish", "request"];
const defaults: Readonly<Record<Exclude<Operation, "goodbye">, number>> = {
  connect: 20_000,
  subscribe: 20_000,
  publish: 20_000,
  request: 5_000,
};

/** The client against every mode of the faulty peer, at every operation. */
export function clientFaults(ground: Ground): void {
  describe.each(modes)("with a peer that is %s", (mode) => {
    const at = <T extends Operation>(operation: T): { mode: FaultMode; at: T; bytes: number } => ({
      mode,
      at: operation,
      bytes: mode === "slow" ? 1 : 40,
    });
    const expected = clientTable[mode];
    const outcome = expected.goodbye;

    it(`connect ${describeEnding(expected.connect)}`, () =>
      withFault(ground, at("connect"), async (bench) => {
        const { value, error, took } = await bench.ended(() => bench.connect());
        expectEnding(expected.connect, "connect", error, took, bench.peer.url);
        if (value !== undefined) await bench.goodbye(value);
        else expect(bench.network.dialled.size, "streams when connect has rejected").toBe(0);
      }));

    it.each(operations)(
      `%s ends in time, with what has become of it`,
      (operation) =>
        withFault(ground, at(operation), async (bench) => {
          const connection = await bench.connected();
          const before = bench.network.dialled.size;
          const { error, took } = await bench.ended(() => bench.carryOut(operation, connection, undefined));
          expectEnding(expected[operation], operation, error, took, bench.peer.url);
          if (operation === "subscribe" && error !== undefined) {
            expect(bench.network.dialled.size).toBe(before);
          }
          await bench.goodbye(connection);
        }),
    );

    it(`goodbye is ${outcome}`, () =>
      withFault(ground, at("goodbye"), async (bench) => {
        const connection = await bench.connected();
        const farewell = await bench.goodbye(connection, { reason: "the end" });
        expect(farewell.outcome, JSON.stringify(farewell)).toBe(outcome);
        expect(farewell).toMatchObject({ cause: "goodbye", reason: "the end" });
        // Clean is who was told.
        const told = bench.peer.log.some(({ command }) => command === "CLIENT_GOODBYE_REQUEST");
        if (farewell.outcome === "clean") expect(told).toBe(true);
        expect(farewell.connections.clean).toBe(outcome === "clean" ? 1 : 0);
        if (outcome === "failed") expect(farewell.connections.lost).toBe(1);
      }));

    it("goodbye of a subscription and its connection comes to an end", () =>
      withFault(ground, { ...at("goodbye"), spare: 1 }, async (bench) => {
        const connection = await bench.connected();
        const subscription = await bench.until(connection.subscribe("orders"));
        const farewell = await bench.goodbye(connection);
        expect(farewell.outcome, JSON.stringify(farewell)).toBe(outcome);
        const child = await subscription.closed;
        expect(child.outcome).toBe(outcome);
        expect(child.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      }));

    it("goodbye settles a publish that is on its way", () =>
      withFault(ground, at("publish"), async (bench) => {
        const connection = await bench.connected({ reconnect: false });
        const publish = connection.publish("orders", "data", { timeout: 30_000 }).then(
          () => undefined,
          (error: unknown) => error,
        );
        const farewell = await bench.goodbye(connection, { reason: "the end" });
        expectLeft(expected.publish, await publish, connection);
        const { published, confirmed, rejected, unconfirmed } = farewell.messages;
        expect(published).toBe(1);
        expect(confirmed + rejected + unconfirmed).toBe(1);
      }));

    it("a forced goodbye waits for nobody", () =>
      withFault(ground, at("publish"), async (bench) => {
        const connection = await bench.connected();
        const publish = connection.publish("orders", "data").then(() => undefined, (error: unknown) => error);
        await turns(20);
        const farewell = await bench.goodbye(connection, { grace: 0, reason: null });
        expect(farewell.duration).toBeLessThan(500);
        expect(farewell).toMatchObject({ cause: "goodbye", reason: null });
        expect(farewell.outcome, JSON.stringify(farewell)).toBe(expected.forced);
        const error = await publish;
        if (error !== undefined) {
          expect(["ERR_CLOSED", "ERR_CONNECTION_LOST"]).toContain((error as ClosedError).code);
        }
      }));
  });
}

function describeEnding(ending: Ending): string {
  switch (ending) {
    case "ok":
      return "succeeds";
    case "timeout":
      return "gives up after its time limit";
    case "refused":
      return "tells what the peer has said";
    case "lost":
      return "tells of the loss";
  }
}

function expectEnding(
  ending: Ending,
  operation: Exclude<Operation, "goodbye">,
  error: unknown,
  took: number,
  url: string,
): void {
  const limit = defaults[operation];
  const address = new RegExp(new URL(url.replace("eventmesh:", "http:")).host);
  const named = { connect: address, subscribe: /orders/, publish: /orders/, request: /questions/ }[operation];
  // How exact the wheel of timers is.
  expect(took, `milliseconds of ${operation}`).toBeLessThan(limit + 250);
  switch (ending) {
    case "ok":
      expect(error).toBe(undefined);
      break;
    case "timeout":
      expectError(error, "ERR_TIMEOUT", named);
      expect((error as TimeoutError).timeout).toBe(limit);
      expect(took).toBeGreaterThanOrEqual(limit - 2);
      if (operation === "publish" || operation === "request") {
        const { message, outcome } = error as TimeoutError;
        // A peer that was too busy each time has not taken it; a request may have been with a responder nevertheless.
        const withheld = operation === "publish" && message.includes("the peer stayed busy");
        expect(outcome).toBe(withheld ? "not-sent" : "unknown");
      }
      break;
    case "refused":
      expectError(error, "ERR_PEER", /status 3: busy/);
      break;
    case "lost":
      if (operation === "connect" || operation === "subscribe") expectError(error, "ERR_CONNECT", address);
      else expectError(error, "ERR_CONNECTION_LOST", named);
      break;
  }
}

/** What a goodbye makes of a publish: confirmed, lost with the stream, or given up at the end of the drain. */
function expectLeft(ending: Ending, error: unknown, connection: EventMeshConnection): void {
  if (ending === "ok") return expect(error).toBe(undefined);
  if (ending === "lost") return expectError(error, "ERR_CONNECTION_LOST", /orders/);
  // What the peer had refused for now is refused for good when there is no time to try again.
  if (error instanceof PeerError) return expectError(error, "ERR_PEER", /status 3: busy/);
  expectError(error, "ERR_CLOSED", /orders/);
  expect((error as ClosedError).cause).toBe("the end");
  expect((error as ClosedError).outcome).toBe("unknown");
  expect(connection.state).toBe("closed");
}
