import { describe, expect, it, vi } from "vitest";
import { startBroker } from "gracewire/broker";
import { connection, publishOrder } from "./shared_connection.ts";
import { main as quickstart } from "./quickstart.ts";
import { main as requestReply } from "./request_reply.ts";
import { main as tryFinally } from "./try_finally.ts";

async function captured(act: () => Promise<unknown>): Promise<string> {
  const lines: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...words) =>
    void lines.push(words.map(String).join(" "))
  );
  try {
    await act();
  } finally {
    log.mockRestore();
  }
  return lines.join("\n");
}

describe("examples", () => {
  it("quickstart publishes, receives and says goodbye", async () => {
    const printed = await captured(() => quickstart(new AbortController().signal));
    expect(printed).toContain("orders");
    expect(printed).toMatch(/eventmesh connection: clean in/);
  });

  it("quickstart ends with the reason of an abort, and leaves nothing running", async () => {
    const reason = { why: "enough" };
    await expect(quickstart(AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  it("try_finally ends its scope clean", async () => {
    expect(await captured(() => tryFinally(new AbortController().signal))).toBe("clean");
  });

  it("request_reply gets its reply", async () => {
    const broker = await startBroker({ port: 0 });
    try {
      expect(await requestReply(broker.url, new AbortController().signal)).toBe("it is twelve o'clock");
    } finally {
      await broker.goodbye();
    }
  });

  it("shared_connection opens one connection for many callers, and another after it has ended", async () => {
    const broker = await startBroker({ port: 0 });
    try {
      const { signal } = new AbortController();
      await Promise.all([1, 2, 3].map((id) => publishOrder(broker.url, id, signal)));
      const first = await connection(broker.url);
      expect(await connection(broker.url)).toBe(first);
      await first.goodbye();
      const second = await connection(broker.url);
      expect(second).not.toBe(first);
      await second.goodbye();
    } finally {
      await broker.goodbye();
    }
  });
});
