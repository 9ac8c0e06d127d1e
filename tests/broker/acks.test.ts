import { describe, expect, it } from "vitest";
import { leakGate } from "../support/leak.ts";
import { useBroker } from "./fixture.ts";

leakGate();

const mesh = useBroker();

describe("acknowledgements without a body", () => {
  it("count once each, however many have come before", async () => {
    await mesh.start();
    const [client, publisher] = [await mesh.subscriber("g", "t"), await mesh.publisher()];
    for (let count = 1; count <= 8; count++) {
      await publisher.publish("t", "hello");
      const push = await client.expect("ASYNC_MESSAGE_TO_CLIENT");
      client.ack(push);
      client.ack(push);
      await client.settled();
      const counters = { acked: count, strayAcks: count };
      expect(mesh.broker.inspect()).toMatchObject({ inFlight: 0, memory: 0, counters });
    }
  });

  it("are refused before hello, however many have come before", async () => {
    await mesh.start();
    const client = await mesh.connect();
    for (let turn = 0; turn < 5; turn++) {
      expect(await client.request("REQUEST_TO_CLIENT_ACK")).toMatchObject({
        code: 1,
        description: "java.lang.Exception: no session is found",
      });
    }
  });
});
