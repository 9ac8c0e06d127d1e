import diagnostics from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ConnectionLostError, OverflowError } from "../../lib/errors.ts";
import type { EndpointEvent } from "../../lib/lifecycle/events.ts";
import type { SubscribeOptions } from "../../lib/messaging/connection.ts";
import {
  MessageSubscription,
  resolveBuffer,
  type SubscriptionPeer,
} from "../../lib/messaging/subscription.ts";
import { countedAbort } from "../support/signals.ts";
import { type Parcel, type ParcelOptions, parcels } from "./parcels.ts";

const reasons: [string, unknown][] = [
  ["an Error", new Error("stop")],
  ["a string", "stop"],
  ["null", null],
  ["0", 0],
  ["a DOMException", new DOMException("stop", "AbortError")],
];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance", "Date"] });
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

describe("resolveBuffer", () => {
  it("fills in the defaults: pause, 1,000 messages, 16 MiB", () => {
    expect(resolveBuffer({})).toEqual({ overflow: "pause", capacity: 1_000, capacityBytes: 16_777_216 });
    expect(resolveBuffer({ overflow: undefined, capacity: undefined, capacityBytes: undefined })).toEqual(
      resolveBuffer({}),
    );
    expect(resolveBuffer({ overflow: "fail", capacity: Infinity, capacityBytes: 1 })).toEqual({
      overflow: "fail",
      capacity: Infinity,
      capacityBytes: 1,
    });
  });

  it("refuses what is no policy and no limit", () => {
    expect(() => resolveBuffer({ overflow: "drop" as never })).toThrow(TypeError);
    for (const name of ["capacity", "capacityBytes"] as const) {
      for (const value of [0, -1, 1.5, NaN]) {
        expect(() => resolveBuffer({ [name]: value })).toThrow(RangeError);
      }
      expect(() => resolveBuffer({ [name]: "1" } as SubscribeOptions)).toThrow(TypeError);
    }
  });
});

describe("MessageSubscription: goodbye", () => {
  it("gives the buffer to an active loop, tells the peer when all is done with, and is clean", async () => {
    const { subscription, trace, deliver } = setup();
    const all = deliver(3);
    const seen: string[] = [];
    const looping = (async () => {
      for await (const message of subscription) {
        if (seen.push(message.id) === 1) void subscription.goodbye();
        await sleep(10);
      }
      trace.push("loop ends");
    })();
    await vi.advanceTimersByTimeAsync(30);
    await looping;
    const farewell = await subscription.closed;
    expect([seen, acksOf(all)]).toEqual([["0", "1", "2"], [1, 1, 1]]);
    expect(trace).toEqual(["goodbye", "release", "loop ends"]);
    expect(farewell).toMatchObject({ name: 'subscription to "orders"', outcome: "clean", cause: "goodbye" });
    expect(farewell.messages).toMatchObject({ received: 3, acked: 3, returned: 0, dropped: 0 });
    expect(farewell.connections).toMatchObject({ opened: 1, clean: 1 });
  });

  it("gives back what comes after its begin, and what nobody consumes", async () => {
    const { subscription, deliver, held } = setup({ hold: "goodbye" });
    const all = deliver(2);
    const goodbye = subscription.goodbye();
    const late = deliver(2, 2);
    expect([...all, ...late].map(({ fates }) => fates)).toEqual(new Array(4).fill(["returned"]));
    held.release();
    expect((await goodbye).messages).toMatchObject({ received: 4, acked: 0, returned: 4 });
  });

  it("counts as dropped what is never delivered again", async () => {
    const { subscription, deliver } = setup({ unacked: "dropped" });
    deliver(2);
    expect((await subscription.goodbye()).messages).toMatchObject({ received: 2, returned: 0, dropped: 2 });
  });

  it("waits for handlers within the drain budget, then tells them to stop and the peer goodbye", async () => {
    const { subscription, trace, deliver } = setup();
    const source = deliver(1)[0]!;
    let context: { signal: AbortSignal; draining: AbortSignal } | undefined;
    const consuming = subscription.consume((_, given) => {
      context = given;
      return new Promise(() => {});
    });
    await turn();
    const goodbye = subscription.goodbye({ reason: "why" });
    expect([context!.draining.reason, context!.signal.aborted]).toEqual(["why", false]);
    await vi.advanceTimersByTimeAsync(9_999);
    expect(trace).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(context!.signal.aborted).toBe(true);
    const farewell = await goodbye;
    expect(await consuming).toBe(farewell);
    expect([trace, source.fates]).toEqual([["goodbye", "release"], ["returned"]]);
    expect(farewell).toMatchObject({ outcome: "forced", messages: { received: 1, returned: 1 } });
  });

  it("that a handler awaits costs the drain budget at most, and is reported; `void` costs nothing", async () => {
    for (const waits of [true, false]) {
      const { subscription, deliver } = setup();
      const [source] = deliver(1);
      const consuming = subscription.consume(async () => {
        const goodbye = subscription.goodbye();
        if (waits) await goodbye;
      });
      await vi.advanceTimersByTimeAsync(waits ? 10_000 : 0);
      const farewell = await consuming;
      expect(farewell).toMatchObject({ outcome: waits ? "forced" : "clean", duration: waits ? 10_000 : 0 });
      expect(source!.fates).toEqual([waits ? "returned" : "acked"]);
    }
  });

  it("resumes reading that a full buffer had paused, and discards", async () => {
    const { subscription, trace, deliver, held } = setup({ capacity: 2, hold: "goodbye" });
    void subscription.consume(() => new Promise(() => {}));
    await turn();
    deliver(4);
    expect(trace).toEqual(["pause"]);
    const goodbye = subscription.goodbye();
    expect(trace).toEqual(["pause", "resume"]);
    expect(deliver(1)[0]!.fates).toEqual(["returned"]);
    await vi.advanceTimersByTimeAsync(10_000);
    held.release();
    await goodbye;
    expect(trace.slice(0, 2)).toEqual(["pause", "resume"]);
    expect(trace.filter((entry) => entry === "pause")).toHaveLength(1);
  });

  it("disposes as goodbye does, and never rejects", async () => {
    const { subscription, trace } = setup();
    await subscription[Symbol.asyncDispose]();
    expect([subscription.state, trace]).toEqual(["closed", ["goodbye", "release"]]);
    const failing = setup({ fails: "goodbye" });
    await failing.subscription[Symbol.asyncDispose]();
    expect((await failing.subscription.closed).outcome).toBe("failed");
  });
});

describe("MessageSubscription: a loop", () => {
  it("that breaks ends the subscription, gracefully, without an ack", async () => {
    const { subscription, trace, deliver } = setup();
    const all = deliver(3);
    for await (const message of subscription) if (message.id === "1") break;
    const farewell = await subscription.closed;
    expect(fatesOf(all)).toEqual(["acked", "returned", "returned"]);
    expect(trace).toEqual(["goodbye", "release"]);
    expect(farewell).toMatchObject({ outcome: "clean", cause: "goodbye" });
  });

  it("that throws ends the subscription, and the error stays that of the body", async () => {
    const { subscription, deliver } = setup();
    const all = deliver(2);
    const error = new Error("body");
    const run = (async () => {
      for await (const _ of subscription) throw error;
    })();
    expect(await rejection(run)).toBe(error);
    expect((await subscription.closed).outcome).toBe("clean");
    expect(fatesOf(all)).toEqual(["returned", "returned"]);
  });

  it.each(reasons)(
    "throws %s by identity when the signal of the subscription aborts, which ends it at once",
    async (_, reason) => {
      const user = countedAbort();
      const { subscription, trace, deliver } = setup({ signal: user.signal });
      const [source] = deliver(1);
      const run = (async () => {
        for await (const _ of subscription);
      })();
      await turn();
      expect(acksOf([source!])).toEqual([1]);
      user.abort(reason);
      expect(await rejection(run)).toBe(reason);
      const farewell = await subscription.closed;
      expect(farewell).toMatchObject({ outcome: "forced", cause: "aborted", duration: 0 });
      expect(farewell.reason).toBe(reason);
      expect(trace).toEqual(["force", "release"]);
      await turn();
      expect(user.listeners()).toBe(0);
    },
  );

  it("throws the reason of an abort at once, however long the transport takes to go", async () => {
    const user = countedAbort();
    const { subscription, held } = setup({ signal: user.signal, hold: "force" });
    const next = subscription[Symbol.asyncIterator]().next();
    user.abort("stop");
    expect([await rejection(next), subscription.state]).toEqual(["stop", "closing"]);
    held.release();
    await subscription.closed;
  });

  it("throws a ConnectionLostError after a terminal loss", async () => {
    const { subscription } = setup();
    const run = (async () => {
      for await (const _ of subscription);
    })();
    await turn();
    const lost = new ConnectionLostError("The connection was lost", { outcome: "unknown" });
    void subscription.lifecycle.end({ cause: "lost", reason: lost, lost: true });
    expect(await rejection(run)).toBe(lost);
    expect((await subscription.closed).outcome).toBe("failed");
    const late = setup().subscription;
    await late.lifecycle.end({ cause: "lost", reason: lost, lost: true });
    expect(await rejection(late[Symbol.asyncIterator]().next())).toBe(lost);
  });

  it("waits while the connection is away, and goes on", async () => {
    const { subscription, deliver } = setup();
    const iterator = subscription[Symbol.asyncIterator]();
    const next = iterator.next();
    subscription.lifecycle.reconnecting();
    const settled = vi.fn();
    void next.then(settled);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([settled.mock.calls.length, subscription.state]).toEqual([0, "reconnecting"]);
    subscription.lifecycle.opened();
    deliver(1);
    expect((await next).value).toMatchObject({ id: "0" });
    await iterator.return!();
    await subscription.closed;
  });

  it("ends normally when the peer says goodbye, and after a goodbye with a grace of 0", async () => {
    const byPeer = setup();
    const first = byPeer.subscription[Symbol.asyncIterator]().next();
    void byPeer.subscription.lifecycle.end({ cause: "peer-goodbye", reason: "restart" });
    expect((await first).done).toBe(true);
    const forced = setup();
    forced.deliver(2);
    const iterator = forced.subscription[Symbol.asyncIterator]();
    await iterator.next();
    void forced.subscription.goodbye({ grace: 0 });
    expect((await iterator.next()).done).toBe(true);
    expect((await forced.subscription.closed).messages).toMatchObject({ received: 2, returned: 2 });
    await byPeer.subscription.closed;
  });
});

describe("MessageSubscription: consume", () => {
  it("resolves with the Farewell, and goes on after a handler that fails: no ack, an event, an entry", async () => {
    const { subscription, deliver } = setup();
    const reader = subscription.events();
    const error = new Error("handler");
    const consuming = subscription.consume((message) => {
      if (message.id === "1") throw error;
    });
    const all = deliver(3);
    await turn();
    expect(fatesOf(all)).toEqual(["acked", "returned", "acked"]);
    expect((await reader.next()).value).toMatchObject({ type: "fault", level: "warn", error });
    const farewell = await subscription.goodbye();
    expect(await consuming).toBe(farewell);
    expect(farewell).toMatchObject({
      outcome: "clean",
      errors: [error],
      messages: { received: 3, acked: 2, returned: 1 },
    });
  });

  it("never rejects and keeps its memory flat when every handler fails", async () => {
    const { subscription, deliver } = setup({ capacity: 10_000 });
    const consuming = subscription.consume((message) => Promise.reject(message.id), { concurrency: 10 });
    deliver(1_000);
    await vi.advanceTimersByTimeAsync(1);
    await subscription.goodbye();
    const farewell = await consuming;
    expect([farewell.errors.length, farewell.errorsDropped]).toEqual([20, 980]);
    expect(farewell.messages).toMatchObject({ received: 1_000, returned: 1_000 });
  });

  it.each(reasons)("is ended at once by its signal with %s, and resolves", async (_, reason) => {
    const user = countedAbort();
    const { subscription, trace, deliver } = setup();
    const all = deliver(2);
    let signal: AbortSignal | undefined;
    const consuming = subscription.consume((_, context) => {
      signal = context.signal;
      return new Promise(() => {});
    }, { signal: user.signal });
    await turn();
    user.abort(reason);
    const farewell = await consuming;
    expect(signal!.reason).toBe(reason);
    expect(farewell).toMatchObject({ outcome: "forced", cause: "aborted" });
    expect(farewell.reason).toBe(reason);
    expect([trace, fatesOf(all)]).toEqual([["force", "release"], ["returned", "returned"]]);
    await turn();
    expect(user.listeners()).toBe(0);
  });

  it.each(reasons)(
    "rejects with %s before it has started when its signal has aborted, and another may consume",
    async (_, reason) => {
      const { subscription, deliver } = setup();
      deliver(1);
      const handler = vi.fn();
      expect(await rejection(subscription.consume(handler, { signal: AbortSignal.abort(reason) }))).toBe(
        reason,
      );
      expect(subscription.state).toBe("open");
      void subscription.consume(handler);
      await turn();
      expect(handler).toHaveBeenCalledOnce();
      await subscription.goodbye();
    },
  );

  it("rejects for wrong options before it has started", async () => {
    const { subscription } = setup();
    await expect(subscription.consume("handler" as never)).rejects.toThrow(TypeError);
    for (const concurrency of [0, -1, 1.5, NaN]) {
      await expect(subscription.consume(() => {}, { concurrency })).rejects.toThrow(RangeError);
    }
    await expect(subscription.consume(() => {}, { concurrency: "2" as never })).rejects.toThrow(TypeError);
    for (
      const [options, message] of [
        [null, "Cannot use the options: expected an object, got null"],
        [5, "Cannot use the options: expected an object, got number"],
        [{ concurency: 2 }, 'Cannot use option "concurency": there is no such option'],
        [{ signal: 5 }, 'Cannot use option "signal": expected an AbortSignal, got number'],
      ] as const
    ) {
      const error = await rejection(subscription.consume(() => {}, options as never)) as Error;
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe(message);
    }
    expect(subscription.state).toBe("open");
    await subscription.goodbye();
  });

  it("is one consumer: a second, or a loop beside it, is a TypeError", async () => {
    const { subscription } = setup();
    const consuming = subscription.consume(() => {});
    await expect(subscription.consume(() => {})).rejects.toThrow(TypeError);
    expect(() => subscription[Symbol.asyncIterator]()).toThrow(TypeError);
    await subscription.goodbye();
    await consuming;
    const other = setup().subscription;
    const iterator = other[Symbol.asyncIterator]();
    expect(() => other[Symbol.asyncIterator]()).toThrow(TypeError);
    await expect(other.consume(() => {})).rejects.toThrow(TypeError);
    await iterator.return!();
    await other.closed;
  });

  it("resolves on a subscription that has ended, and leaves no listener", async () => {
    const { subscription } = setup();
    const farewell = await subscription.goodbye();
    const user = countedAbort();
    expect(
      await subscription.consume(() => expect.unreachable("a message after the end"), {
        signal: user.signal,
      }),
    ).toBe(farewell);
    await turn();
    expect(user.listeners()).toBe(0);
  });

  it("replies with a returned value", async () => {
    const { subscription, deliver } = setup();
    void subscription.consume((message) => `re: ${message.text()}`);
    const [source] = deliver(1, 0, { wantsReply: true });
    await turn();
    expect(source!.replies).toEqual(["re: 0"]);
    await subscription.goodbye();
  });

  it("gives all messages their turn during the drain, replies included", async () => {
    const { subscription, deliver, trace } = setup();
    const all = deliver(3, 0, { wantsReply: true });
    void subscription.consume(async (message) => {
      await sleep(10);
      return message.id;
    });
    await turn();
    const goodbye = subscription.goodbye();
    await vi.advanceTimersByTimeAsync(30);
    expect((await goodbye).outcome).toBe("clean");
    expect(all.map(({ replies }) => replies)).toEqual([["0"], ["1"], ["2"]]);
    expect(trace).toEqual(["goodbye", "release"]);
  });
});

describe("MessageSubscription: overflow", () => {
  it("tells each drop as an event, and counts it", async () => {
    const { subscription, deliver } = setup({ overflow: "drop-oldest", capacity: 2 });
    const reader = subscription.events();
    deliver(4);
    for (let i = 0; i < 2; i++) {
      expect((await reader.next()).value).toMatchObject({
        type: "overflow",
        dropped: 1,
        policy: "drop-oldest",
        level: "warn",
      });
    }
    expect((await subscription.goodbye()).messages).toMatchObject({ received: 4, dropped: 2, returned: 2 });
  });

  it("with the policy fail ends it at once: a loop throws the OverflowError, the Farewell has it", async () => {
    const { subscription, deliver, trace } = setup({ overflow: "fail", capacity: 2 });
    const run = (async () => {
      for await (const _ of subscription) await new Promise(() => {});
    })();
    deliver(1);
    await turn();
    deliver(3, 1);
    const farewell = await subscription.closed;
    expect(farewell).toMatchObject({
      cause: "overflow",
      outcome: "forced",
      messages: { received: 4, acked: 0, returned: 4 },
    });
    expect(farewell.reason).toBeInstanceOf(OverflowError);
    expect(trace).toEqual(["force", "release"]);
    void run;
    const other = setup({ overflow: "fail", capacity: 1 });
    other.deliver(2);
    const iterator = other.subscription[Symbol.asyncIterator]();
    expect(await rejection(iterator.next())).toBeInstanceOf(OverflowError);
    await other.subscription.closed;
  });

  it("with the policy pause never loses anything", async () => {
    const { subscription, deliver, trace } = setup({ capacity: 2 });
    deliver(10);
    const seen: string[] = [];
    const consuming = subscription.consume((message) => void seen.push(message.id));
    await turn();
    await subscription.goodbye();
    expect((await consuming).messages).toMatchObject({ received: 10, acked: 10 });
    expect([seen.length, trace.slice(0, 2)]).toEqual([10, ["pause", "resume"]]);
  });
});

describe("MessageSubscription: observing", () => {
  it("is an endpoint: state, signals, events, a Farewell on diagnostics_channel", async () => {
    const { subscription } = setup();
    const messages: unknown[] = [];
    const note = (message: unknown): void => void messages.push(message);
    const reader = subscription.events();
    expect([subscription.state, subscription.topics]).toEqual(["open", ["orders"]]);
    diagnostics.subscribe("gracewire:farewell", note);
    const farewell = await subscription.goodbye();
    diagnostics.unsubscribe("gracewire:farewell", note);
    expect([subscription.state, subscription.signal.aborted, subscription.draining.aborted]).toEqual([
      "closed",
      true,
      true,
    ]);
    expect(messages).toMatchObject([{
      endpoint: 'subscription to "orders"',
      farewell: { outcome: "clean" },
    }]);
    const events: EndpointEvent[] = [];
    for await (const event of reader) events.push(event);
    expect(events.at(-1)).toMatchObject({ type: "farewell", farewell });
  });
});

interface SetupOptions extends SubscribeOptions {
  readonly unacked?: "returned" | "dropped";
  /** A step of the peer that waits until `held.release`. */
  readonly hold?: "goodbye" | "force" | "release";
  readonly fails?: "goodbye" | "force" | "release";
}

function setup(options: SetupOptions = {}): {
  subscription: MessageSubscription;
  trace: string[];
  deliver(count: number, first?: number, options?: ParcelOptions): Parcel[];
  held: { release(): void };
} {
  const trace: string[] = [];
  let release!: () => void;
  const released = new Promise<void>((resolve) => release = resolve);
  const step = (name: "goodbye" | "force" | "release") => (): unknown => {
    trace.push(name);
    if (options.fails === name) throw new Error(name);
    return options.hold === name ? released : undefined;
  };
  const peer: SubscriptionPeer = {
    pause: () => void trace.push("pause"),
    resume: () => void trace.push("resume"),
    goodbye: step("goodbye"),
    force: step("force"),
    release: step("release"),
    report: () => ({ connections: { opened: 1, clean: 1 } }),
  };
  const subscription = new MessageSubscription({
    name: 'subscription to "orders"',
    topics: ["orders"],
    buffer: resolveBuffer(options),
    unacked: options.unacked ?? "returned",
    peer,
  });
  subscription.lifecycle.opened();
  subscription.lifecycle.govern(options.signal, { forced: true });
  return {
    subscription,
    trace,
    deliver(count, first = 0, options = {}) {
      const all = parcels(count, options, first);
      for (const source of all) subscription.deliver(source);
      return all;
    },
    held: { release },
  };
}

function acksOf(all: readonly Parcel[]): number[] {
  return all.map(({ acks }) => acks);
}

function fatesOf(all: readonly Parcel[]): (string | undefined)[] {
  return all.map(({ fates }) => fates[0]);
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}

function sleep(duration: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, duration));
}

async function turn(): Promise<void> {
  for (let i = 0; i < 100; i++) await Promise.resolve();
}
