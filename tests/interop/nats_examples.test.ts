import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { main as anyServer } from "../examples/any_server.ts";
import { main as stream } from "../examples/nats_stream.ts";
import { leakGate } from "../support/leak.ts";
import { type UserFolder, userFolder } from "../support/user.ts";
import { useNats } from "./nats_world.ts";
import { natsServer, withPeers } from "./peers/mod.ts";

leakGate();

await withPeers("an example on nats-server 2.15.2", [natsServer("2.15.2")], () => {
  const server = useNats({ version: "2.15.2", jetstream: true });
  const { signal } = new AbortController();
  let user: UserFolder;
  // Before the first test: the compiler stays, with its pipes.
  beforeAll(async () => {
    user = await userFolder();
  });
  afterAll(() => user?.[Symbol.asyncDispose]());

  it("shares the work of a shop, as the program of the README", async () => {
    const { code, stdout, stderr } = await (await user.start("nats", server().url)).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.trim().split("\n").map((line) => line.replace(/ by (anna|ben)$/, "")).sort()).toEqual([
      "bread costs 50",
      "orders.new",
      "orders.price",
    ]);
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
