import { expect, it, vi } from "vitest";
import { connect } from "gracewire";
import { startBroker } from "gracewire/broker";
import { connections, publishOrder } from "./pool.ts";

it("pool publishes over connections that are replaced when they die, and ends clean", async () => {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line: unknown) => void lines.push(String(line)));
  try {
    const { signal } = new AbortController();
    await using broker = await startBroker({ port: 0 });
    await using client = await connect(broker.url);
    const orders = await client.subscribe("orders");
    const got: unknown[] = [];
    void orders.consume((message) => void got.push(message.json()));
    const pool = connections(broker.url);
    await Promise.all([1, 2, 3].map((id) => publishOrder(pool, id, signal)));
    const lease = await pool.acquire({ mode: "exclusive", signal });
    await lease.value.goodbye();
    await lease.release();
    await Promise.all([4, 5, 6].map((id) => publishOrder(pool, id, signal)));
    expect((await pool.goodbye()).outcome).toBe("clean");
    await expect.poll(() => got.length, { timeout: 10_000 }).toBe(6);
    expect(lines).toContain("member 1 opened");
    expect(lines).toContain(`member ${lease.member} closed`);
  } finally {
    log.mockRestore();
  }
});
