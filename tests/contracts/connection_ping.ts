import { expect, it } from "vitest";
import { ClosedError, ConnectionLostError, TimeoutError } from "../../lib/errors.ts";
import { abortReasons } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { benchTests, type ConnectionFixture, rejection, rejectsWithReason } from "./connection_kit.ts";

/** A sign of life of the peer. */
export function pingContract(fixture: ConnectionFixture): void {
  const test = benchTests(fixture);

  it(
    "ping resolves with the milliseconds until the peer has answered",
    test(async (bench) => {
      const connection = await bench.connect();
      for (
        const milliseconds of await Promise.all([connection.ping(), connection.ping({ timeout: 5_000 })])
      ) {
        expect(milliseconds).toBeGreaterThanOrEqual(0);
        expect(milliseconds).toBeLessThan(5_000);
      }
    }),
  );

  it(
    "ping rejects when the peer does not answer in time, or with the reason of its signal",
    test(async (bench) => {
      const connection = await bench.connect();
      bench.world.freeze();
      const error = await rejection(connection.ping({ timeout: 50 }));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error).toMatchObject({ timeout: 50, outcome: "unknown" });
      for (const when of ["before", "after"] as const) {
        for (const makeReason of abortReasons) {
          await rejectsWithReason((signal) => connection.ping({ signal }), makeReason, when);
        }
      }
      expect(connection.state).toBe("open");
    }),
  );

  it(
    "ping rejects at once while there is no connection, and after the end",
    test(async (bench) => {
      const connection = await bench.connect();
      bench.world.refuse();
      bench.world.cut();
      await until(() => connection.state === "reconnecting", { what: "the loss" });
      const error = await rejection(connection.ping());
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error).toMatchObject({ outcome: "not-sent" });
      await connection.goodbye({ grace: 0 });
      expect(await rejection(connection.ping())).toBeInstanceOf(ClosedError);
    }),
  );
}
