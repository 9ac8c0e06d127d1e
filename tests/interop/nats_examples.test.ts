import { expect, it, vi } from "vitest";
import { main as anyServer } from "../examples/any_server.ts";
import { main as shop } from "../examples/nats.ts";
import { main as stream } from "../examples/nats_stream.ts";
import { leakGate } from "../support/leak.ts";
import { useNats } from "./nats_world.ts";
import { natsServer, withPeers } from "./peers/mod.ts";

leakGate();

await withPeers("an example on nats-server 2.15.2", [natsServer("2.15.2")], () => {
  const server = useNats({ version: "2.15.2", jetstream: true });
  const { signal } = new AbortController();

  it("shares the work of a shop", async () => {
    expect(await shop(server().url, signal)).toEqual(["bread costs 50", "orders.new", "orders.price"]);
  });

  it("stores orders in a stream, exactly once each", async () => {
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      expect(await stream(server().url, signal)).toEqual(["order 1", "order 2"]);
      expect(log).toHaveBeenCalledWith("2 was stored before, as number 2");
    } finally {
      log.mockRestore();
    }
  });

  it("is the same program as for EventMesh", async () => {
    expect(await anyServer(server().url, signal)).toEqual(["bread costs 50", "tea costs 30"]);
  });
});
