import diagnostics from "node:diagnostics_channel";
import { describe, expect, it } from "vitest";
import { type EndpointEvent, EventHub } from "../../lib/lifecycle/events.ts";
import { countedAbort } from "../support/signals.ts";

const reasons: unknown[] = [new Error("stop"), "stop", null, 0, "", new DOMException("stop", "AbortError")];

describe("EventHub", () => {
  it("gives every reader what happens from its begin on, in order", async () => {
    const hub = new EventHub("thing");
    const first = hub.read(undefined);
    hub.emit({ type: "redirect", target: "a" }, "info");
    const second = hub.read(undefined);
    hub.emit({ type: "redirect", target: "b" }, "warn");
    hub.end();
    expect(await targets(first)).toEqual(["a", "b"]);
    expect(await targets(second)).toEqual(["b"]);
  });

  it("stamps an event with the time of the system and its level", async () => {
    const hub = new EventHub("thing");
    const reader = hub.read(undefined);
    const before = Date.now();
    hub.emit({ type: "overflow", dropped: 3, policy: "drop-oldest" }, "warn");
    const { value } = await reader.next();
    expect(value).toMatchObject({ type: "overflow", dropped: 3, policy: "drop-oldest", level: "warn" });
    expect(value.at).toBeGreaterThanOrEqual(before);
    expect(value.at).toBeLessThanOrEqual(Date.now());
  });

  it("serves a reader that waits", async () => {
    const hub = new EventHub("thing");
    const reader = hub.read(undefined);
    const next = reader.next();
    hub.emit({ type: "redirect", target: "a" }, "info");
    expect((await next).value).toMatchObject({ target: "a" });
  });

  it("ends readers after what they hold, and those that wait at once", async () => {
    const hub = new EventHub("thing");
    const [waits, holds] = [hub.read(undefined), hub.read(undefined)];
    hub.emit({ type: "redirect", target: "a" }, "info");
    await waits.next();
    const pending = waits.next();
    hub.end();
    expect(await pending).toEqual({ done: true, value: undefined });
    expect(await targets(holds)).toEqual(["a"]);
    expect(await targets(hub.read(undefined))).toEqual([]);
  });

  it("drops the oldest of a reader that falls behind by more than 1,000 events", async () => {
    const hub = new EventHub("thing");
    const reader = hub.read(undefined);
    for (let i = 0; i < 2_500; i++) hub.emit({ type: "redirect", target: String(i) }, "info");
    hub.end();
    const seen = await targets(reader);
    expect(seen).toHaveLength(1_000);
    expect([seen[0], seen.at(-1)]).toEqual(["1500", "2499"]);
  });

  it.each(reasons)("rejects a pending next with the reason %s itself, then is over", async (reason) => {
    const hub = new EventHub("thing");
    const user = countedAbort();
    const reader = hub.read(user.signal);
    const pending = reader.next();
    user.abort(reason);
    expect(await rejection(pending)).toBe(reason);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
  });

  it.each(reasons)(
    "rejects the next call with the reason %s when the abort comes between two, or before the first",
    async (reason) => {
      const hub = new EventHub("thing");
      const user = countedAbort();
      const between = hub.read(user.signal);
      hub.emit({ type: "redirect", target: "a" }, "info");
      user.abort(reason);
      const before = hub.read(user.signal);
      hub.emit({ type: "redirect", target: "b" }, "info");
      for (const reader of [between, before]) {
        expect(await rejection(reader.next())).toBe(reason);
        expect(await reader.next()).toEqual({ done: true, value: undefined });
      }
    },
  );

  it("ends a loop that breaks: nothing is kept for it, and its signal is free", async () => {
    const hub = new EventHub("thing");
    const user = countedAbort();
    const reader = hub.read(user.signal);
    hub.emit({ type: "redirect", target: "a" }, "info");
    hub.emit({ type: "redirect", target: "b" }, "info");
    for await (const event of reader) {
      expect(event).toMatchObject({ target: "a" });
      break;
    }
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
    user.abort("late");
    expect(await reader.next()).toEqual({ done: true, value: undefined });
  });

  it("return settles a pending next, and an abort that was not read is forgotten", async () => {
    const hub = new EventHub("thing");
    const waiting = hub.read(undefined);
    const pending = waiting.next();
    expect(await waiting.return!()).toEqual({ done: true, value: undefined });
    expect(await pending).toEqual({ done: true, value: undefined });
    const aborted = hub.read(AbortSignal.abort("why"));
    await aborted.return!();
    expect(await aborted.next()).toEqual({ done: true, value: undefined });
  });

  it("refuses a second next while one is pending, and the first goes on", async () => {
    const hub = new EventHub("thing");
    const reader = hub.read(undefined);
    const pending = reader.next();
    await expect(reader.next()).rejects.toThrow(TypeError);
    hub.emit({ type: "redirect", target: "a" }, "info");
    expect((await pending).value).toMatchObject({ target: "a" });
  });

  it("leaves no listener on the signals of its readers when it ends", async () => {
    const hub = new EventHub("thing");
    const user = countedAbort();
    hub.read(user.signal);
    expect(user.listeners()).toBe(1);
    hub.end();
    hub.read(user.signal);
    await Promise.resolve();
    expect(user.listeners()).toBe(0);
  });

  it("publishes on a diagnostics channel per type, with the name of the endpoint", () => {
    const hub = new EventHub("thing");
    const messages: unknown[] = [];
    const note = (message: unknown): void => void messages.push(message);
    diagnostics.subscribe("gracewire:redirect", note);
    hub.emit({ type: "redirect", target: "a" }, "info");
    hub.emit({ type: "fault", error: 0 }, "warn");
    diagnostics.unsubscribe("gracewire:redirect", note);
    hub.emit({ type: "redirect", target: "b" }, "info");
    expect(messages).toMatchObject([{ endpoint: "thing", type: "redirect", target: "a", level: "info" }]);
  });

  it("keeps those who have subscribed to a channel, whatever the runtime collects", async () => {
    const messages: unknown[] = [];
    const note = (message: unknown): void => void messages.push(message);
    diagnostics.subscribe("gracewire:redirect", note);
    const { Bun: bun } = globalThis as { Bun?: { gc(force: boolean): void } };
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve));
      bun?.gc(true);
    }
    new EventHub("thing").emit({ type: "redirect", target: "a" }, "info");
    diagnostics.unsubscribe("gracewire:redirect", note);
    expect(messages.length).toBe(1);
  });

  it("publishes all events of one endpoint with the same source, and another's with another", () => {
    const sources: unknown[] = [];
    const note = (message: unknown): void => void sources.push((message as { source: unknown }).source);
    diagnostics.subscribe("gracewire:redirect", note);
    const [one, other] = [new EventHub("thing"), new EventHub("thing")];
    for (const hub of [one, other, one]) hub.emit({ type: "redirect", target: "a" }, "info");
    diagnostics.unsubscribe("gracewire:redirect", note);
    expect(sources[0]).toEqual({ name: "thing" });
    expect(sources[2]).toBe(sources[0]);
    expect(sources[1]).not.toBe(sources[0]);
  });

  it("lets a reader end the others, or start one, while it reads", async () => {
    const hub = new EventHub("thing");
    const other = hub.read(undefined);
    const reading = (async () => {
      for await (const _ of hub.read(undefined)) {
        await other.return!();
        return await targets(hub.read(undefined));
      }
      return [];
    })();
    hub.emit({ type: "redirect", target: "a" }, "info");
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    hub.emit({ type: "redirect", target: "b" }, "info");
    hub.end();
    expect(await reading).toEqual(["b"]);
    expect(await targets(other)).toEqual([]);
  });
});

async function targets(reader: AsyncIterable<EndpointEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of reader) seen.push((event as { target: string }).target);
  return seen;
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}
