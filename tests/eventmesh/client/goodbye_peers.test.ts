import { describe, expect, it } from "vitest";
import { turns, until } from "../../support/until.ts";
import { balanced, clientGate, failure, holdTime, openStreams, pair, pass } from "./kit.ts";

clientGate();

describe("goodbye to a peer", () => {
  it.each([
    { name: "that is silent", milliseconds: 3_100, outcome: "forced", streams: { forced: 1 } },
    { name: "that is frozen", milliseconds: 3_100, outcome: "forced", streams: { forced: 1 } },
    { name: "that ends in place of an answer", milliseconds: 100, outcome: "failed", streams: { lost: 1 } },
    { name: "that resets in place of an answer", milliseconds: 100, outcome: "failed", streams: { lost: 1 } },
    { name: "that answers with an error", milliseconds: 100, outcome: "clean", streams: { clean: 1 } },
    { name: "that answers and resets", milliseconds: 100, outcome: "clean", streams: { clean: 1 } },
    { name: "that answers and never ends", milliseconds: 1_100, outcome: "clean", streams: { clean: 1 } },
    { name: "that answers in garbage", milliseconds: 100, outcome: "failed", streams: { lost: 1 } },
  ])("$name is $outcome within $milliseconds ms", async ({ name, milliseconds, outcome, streams }) => {
    holdTime();
    const { server, connection } = await pair();
    const session = server.last("pub");
    server.on("CLIENT_GOODBYE_REQUEST", (request) => {
      if (name.includes("in place")) session.transport[name.includes("ends") ? "end" : "reset"]();
      if (name.includes("error")) request.refuse("java.lang.Exception: no session is found");
      if (name.includes("garbage")) session.write(new Uint8Array(40));
      if (!name.includes("answers and")) return;
      request.reply();
      session.fins = false;
      if (name.includes("resets")) setImmediate(() => setImmediate(() => session.transport.reset()));
    });
    if (name.includes("frozen")) session.freeze();
    const ending = connection.goodbye();
    await pass(milliseconds);
    expect(connection.state).toBe("closed");
    const farewell = balanced(await ending);
    expect(farewell).toMatchObject({ outcome, connections: { opened: 1, ...streams } });
    expect(openStreams()).toBe(0);
    // Not clean is never quiet: see the event.
    expect(farewell.duration).toBeLessThanOrEqual(milliseconds);
  });

  it("that was lost before the drain was over is a failure", async () => {
    const { server, connection } = await pair();
    server.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = failure(connection.publish("orders", "x"));
    await server.saw("ASYNC_MESSAGE_TO_SERVER");
    const ending = connection.goodbye();
    await turns(3);
    server.refuse("HELLO_REQUEST");
    server.last("pub").transport.reset();
    expect(await publishing).toMatchObject({ code: "ERR_CONNECTION_LOST", outcome: "unknown" });
    expect(balanced(await ending)).toMatchObject({
      outcome: "failed",
      cause: "goodbye",
      messages: { published: 1, unconfirmed: 1 },
    });
    await server.holds(0);
  });

  it("that was lost during the drain stays a failure when it comes back meanwhile", async () => {
    const { server, connection } = await pair();
    const subscription = await connection.subscribe("orders");
    let go = (): void => {};
    void subscription.consume(() => new Promise<void>((resolve) => go = resolve));
    server.last("sub").push("orders", "x");
    await until(() => server.last("sub").transport.buffered === 0, { what: "a running handler" });
    await turns(3);
    const ending = connection.goodbye();
    server.last("pub").transport.reset();
    await until(() => server.sessions.length === 3, { what: "a new session" });
    await server.last("pub").saw("HELLO_REQUEST");
    await turns(10);
    go();
    const farewell = balanced(await ending);
    expect(farewell).toMatchObject({ outcome: "failed", connections: { opened: 3, lost: 1, clean: 2 } });
  });

  it("that answers nothing at all ends within the grace, with every operation told", async () => {
    holdTime();
    const { server, connection } = await pair();
    await connection.subscribe("orders");
    for (const command of ["ASYNC_MESSAGE_TO_SERVER", "CLIENT_GOODBYE_REQUEST"] as const) {
      server.hold(command);
    }
    const publishing = failure(connection.publish("orders", "x", { timeout: Infinity }));
    await turns(5);
    const reason = Symbol("why");
    const ending = connection.goodbye({ reason });
    await pass(14_100);
    expect(connection.state).toBe("closed");
    expect(await publishing).toMatchObject({ code: "ERR_CLOSED", outcome: "unknown", cause: reason });
    const farewell = balanced(await ending);
    expect(farewell).toMatchObject({ outcome: "forced", connections: { opened: 2, forced: 2 } });
    expect(farewell.children).toHaveLength(1);
  });
});
