import { describe, expect, it } from "vitest";
import type { TimeoutError } from "../../../lib/errors.ts";
import { until } from "../../support/until.ts";
import { clientGate, failure, pair, partClean } from "./kit.ts";

clientGate();

// What the runtime does to a client that is not alone: some acknowledgements go to other clients.

describe("a server that acknowledges some publishes never", () => {
  it("gets a fresh session when those hold half of the window, and what waits goes out on it", async () => {
    const { server, connection } = await pair({ window: 4 });
    let unanswered = 2;
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (unanswered-- <= 0) request.reply();
    });
    const never = ["a", "b"].map((text) => failure(connection.publish("orders", text, { timeout: 1_500 })));
    for (let i = 0; i < 60; i++) await connection.publish("orders", `answered ${i}`);
    await until(() => server.sessions.length === 2, { what: "a fresh session" });
    await connection.publish("orders", "on the fresh session");
    expect(server.last("pub").of("ASYNC_MESSAGE_TO_SERVER").at(-1)!.text).toBe("on the fresh session");
    for (const error of await Promise.all(never)) {
      expect((error as TimeoutError).outcome).toBe("unknown");
    }
    const { messages, connections } = await partClean(connection);
    expect(messages).toMatchObject({ published: 63, confirmed: 61, unconfirmed: 2 });
    expect(connections).toMatchObject({ opened: 2, clean: 2 });
  });

  it("keeps its session when no fresh one can be had", async () => {
    const { server, connection } = await pair({ window: 4 });
    let unanswered = 2;
    server.on("ASYNC_MESSAGE_TO_SERVER", (request) => {
      if (unanswered-- <= 0) request.reply();
    });
    server.refuse("HELLO_REQUEST", "server state is not running, maybe deploying...");
    const never = ["a", "b"].map((text) => failure(connection.publish("orders", text, { timeout: 1_500 })));
    for (let i = 0; i < 60; i++) await connection.publish("orders", `answered ${i}`);
    await server.saw("HELLO_REQUEST", 2);
    await connection.publish("orders", "on the only session");
    expect(connection.state).toBe("open");
    await Promise.all(never);
    const { connections } = await partClean(connection);
    expect(connections).toMatchObject({ opened: 1, clean: 1 });
  });
});
