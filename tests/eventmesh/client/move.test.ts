import { describe, expect, it } from "vitest";
import type { Message } from "../../../lib/messaging/mod.ts";
import { until } from "../../support/until.ts";
import { balanced, client, clientGate, failure, fake, pair, partClean, settled } from "./kit.ts";

clientGate();

describe("a goodbye of our own in the middle of a move", () => {
  it("cancels the search for a successor and tells the server that is left", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client(one);
    other.hold("HELLO_REQUEST");
    one.last("pub").redirect(other);
    await other.saw("HELLO_REQUEST");
    const farewell = await partClean(connection);
    expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    await other.holds(0);
    await one.holds(0);
  });

  it("says goodbye on both when the old one still owes answers", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client(one);
    one.hold("ASYNC_MESSAGE_TO_SERVER");
    const publishing = connection.publish("orders", "x");
    await one.saw("ASYNC_MESSAGE_TO_SERVER");
    one.last("pub").redirect(other);
    await until(() => other.of("HELLO_REQUEST").length === 1 && connection.state === "open", {
      what: "moved",
    });
    const ending = connection.goodbye();
    expect(await settled(ending)).toBe(false);
    one.release("ASYNC_MESSAGE_TO_SERVER");
    await publishing;
    expect(balanced(await ending)).toMatchObject({ outcome: "clean", connections: { opened: 2, clean: 2 } });
    expect(one.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    expect(other.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
  });

  it("is clean when the only server has said goodbye and is just being left", async () => {
    const { server, connection } = await pair();
    server.hold("CLIENT_GOODBYE_REQUEST");
    server.last("pub").goodbye();
    await server.saw("CLIENT_GOODBYE_REQUEST");
    const ending = connection.goodbye();
    expect(await settled(ending)).toBe(false);
    server.release("CLIENT_GOODBYE_REQUEST");
    expect(balanced(await ending)).toMatchObject({ outcome: "clean", connections: { opened: 1, clean: 1 } });
    expect(server.of("CLIENT_GOODBYE_REQUEST")).toHaveLength(1);
    expect(server.sessions).toHaveLength(1);
  });

  it("is clean when the only server was left in order and has not come back", async () => {
    const { server, connection } = await pair();
    server.refuse("HELLO_REQUEST", "server state is not running, maybe deploying...");
    server.last("pub").goodbye();
    await server.saw("HELLO_REQUEST", 3);
    const waiting = failure(connection.publish("orders", "x"));
    expect(balanced(await connection.goodbye())).toMatchObject({
      outcome: "clean",
      connections: { opened: 1, clean: 1 },
      operations: { refused: 1 },
    });
    expect(await waiting).toMatchObject({ code: "ERR_CLOSED", outcome: "not-sent" });
  });

  it("does not take messages of an old session for those of the new", async () => {
    const [one, other] = [await fake(), await fake()];
    const connection = await client(one);
    const subscription = await connection.subscribe("orders");
    const iterator = subscription[Symbol.asyncIterator]();
    one.last("sub").push("orders", "old");
    const { value: old } = await iterator.next();
    one.last("sub").redirect(other);
    await until(() => other.of("LISTEN_REQUEST").length === 1, { what: "moved" });
    (old as Message).ack();
    await one.saw("ASYNC_MESSAGE_TO_CLIENT_ACK");
    await one.last("sub").saw("CLIENT_GOODBYE_REQUEST");
    expect(other.of("ASYNC_MESSAGE_TO_CLIENT_ACK")).toEqual([]);
    await iterator.return!();
    expect((await partClean(connection)).messages).toMatchObject({ received: 1, acked: 1 });
  });
});
