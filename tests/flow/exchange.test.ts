import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ClosedError,
  ConnectionLostError,
  PeerError,
  type SendOutcome,
  TimeoutError,
} from "../../lib/errors.ts";
import { Exchange } from "../../lib/flow/exchange.ts";
import type { ExchangeOptions } from "../../lib/flow/exchange_options.ts";
import type { SubmitOptions } from "../../lib/flow/operation.ts";
import { TimerWheel } from "../../lib/lifecycle/wheel.ts";
import { countedAbort } from "../support/signals.ts";

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
  vi.useRealTimers();
});

describe("Exchange: the window", () => {
  it("writes no more than the window, and the rest in the order of the calls as replies come", async () => {
    const { exchange, peer, submit } = setup({ window: 3 });
    const results = Array.from({ length: 8 }, (_, i) => submit(`m${i}`));
    expect(peer.payloads).toEqual(["m0", "m1", "m2"]);
    exchange.settle(peer.seq("m1"), "one");
    expect(peer.payloads).toEqual(["m0", "m1", "m2", "m3"]);
    for (const at of [0, 2, 3, 4, 5, 6, 7]) exchange.settle(peer.seq(`m${at}`), String(at));
    expect(peer.payloads).toEqual(["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"]);
    expect(await Promise.all(results)).toEqual(["0", "one", "2", "3", "4", "5", "6", "7"]);
    await over(exchange);
  });

  it("does not let a new call pass those that wait", () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    quiet(submit("a"));
    quiet(submit("b"));
    exchange.window = 3;
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.writable = false;
    quiet(submit("c"));
    exchange.writable = true;
    quiet(submit("d"));
    expect(peer.payloads).toEqual(["a", "b", "c"]);
    expect(exchange.window).toBe(3);
    close(exchange);
  });

  it("does not let a call from inside a write pass those that wait", () => {
    const { exchange, peer, submit } = setup({ offline: true });
    for (const payload of ["a", "b"]) quiet(submit(payload));
    peer.onWrite = (_, payload) => {
      if (payload === "a") quiet(submit("c"));
    };
    exchange.open();
    expect(peer.payloads).toEqual(["a", "b", "c"]);
    close(exchange);
  });

  it("waits while there is no connection and while the transport is full", async () => {
    const { exchange, peer, submit } = setup({ offline: true });
    const results = [submit("a"), submit("b")];
    expect([peer.payloads, exchange.pending]).toEqual([[], 2]);
    exchange.open();
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.writable = false;
    results.push(submit("c"));
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.writable = true;
    for (const payload of ["a", "b", "c"]) exchange.settle(peer.seq(payload), payload);
    expect(await Promise.all(results)).toEqual(["a", "b", "c"]);
    await over(exchange);
  });

  it("does not grow the stack when a peer in memory replies from inside each write", async () => {
    const { exchange, peer, submit } = setup({ offline: true, window: 1 });
    peer.onWrite = (seq, payload) => exchange.settle(seq, payload);
    const results = Array.from({ length: 20_000 }, (_, i) => submit(`m${i}`));
    exchange.open();
    expect((await Promise.all(results)).length).toBe(20_000);
    expect(peer.payloads.at(-1)).toBe("m19999");
    expect(exchange.counts).toMatchObject({ published: 20_000, confirmed: 20_000 });
  });
});

describe("Exchange: those that wait", () => {
  it("are no more than may, wherever they wait; what is written does not count", async () => {
    const { exchange, peer, submit } = setup({ window: 2, maxWaiting: 2 });
    for (const payload of ["a", "b", "c"]) quiet(submit(payload));
    exchange.refuse(peer.seq("a"), busy());
    expect(peer.payloads).toEqual(["a", "b", "c"]);
    quiet(submit("d"));
    const error = await rejection(submit("e"));
    expect(error).toMatchObject({ name: "OverflowError", code: "ERR_OVERFLOW", capacity: 2 });
    expect((error as Error).message).toBe("Cannot publish e: 2 others wait, no more may");
    expect(exchange.counts).toMatchObject({ refused: 1, settled: 0 });
    exchange.settle(peer.seq("b"), "ok");
    quiet(submit("f"));
    exchange.window = 10;
    expect(peer.payloads).toEqual(["a", "b", "c", "d", "f"]);
    close(exchange);
    await over(exchange);
  });

  it("are refused after an abort, and after the end", async () => {
    const { exchange, submit } = setup({ offline: true, maxWaiting: 1 });
    quiet(submit("a"));
    expect(await rejection(submit("b", { signal: AbortSignal.abort(0) }))).toBe(0);
    expect(await rejection(submit("c"))).toMatchObject({ capacity: 1 });
    close(exchange);
    expect(await rejection(submit("d"))).toMatchObject({ name: "ClosedError" });
    await over(exchange);
  });
});

describe("Exchange: replies", () => {
  it("settles an operation with its reply, whatever the order", async () => {
    const { exchange, peer, submit } = setup();
    const [a, b] = [submit("a"), submit("b")];
    exchange.settle(peer.seq("b"), "for b");
    exchange.settle(peer.seq("a"), "for a");
    expect(await Promise.all([a, b])).toEqual(["for a", "for b"]);
    expect(exchange.counts).toMatchObject({ published: 2, confirmed: 2, settled: 2, late: 0 });
    await over(exchange);
  });

  it("rejects with the refusal of the peer, as it is", async () => {
    const { exchange, peer, submit } = setup();
    const result = submit("a");
    const error = new PeerError("no", { status: 2 });
    exchange.refuse(peer.seq("a"), error);
    expect(await rejection(result)).toBe(error);
    expect(exchange.counts).toMatchObject({ published: 1, rejected: 1, settled: 1 });
    await over(exchange);
  });

  it("counts and ignores replies that belong to nothing, and second ones", async () => {
    const { exchange, peer, submit } = setup();
    const result = submit("a");
    for (const seq of [0, -1, 99, 2 ** 40]) exchange.settle(seq, "wrong");
    exchange.refuse(77, new PeerError("no", { status: 1 }));
    exchange.settle(peer.seq("a"), "right");
    exchange.settle(peer.seq("a"), "again");
    exchange.refuse(peer.seq("a"), new PeerError("no", { status: 1 }));
    expect(await result).toBe("right");
    expect(exchange.counts).toMatchObject({ confirmed: 1, rejected: 0, late: 7 });
    await over(exchange);
  });

  it("keeps its ledger when the peer confirms, refuses, is lost or the user aborts from inside the write", async () => {
    const user = countedAbort();
    const inside: ((exchange: Exchange<string, string>, seq: number) => void)[] = [
      (exchange, seq) => exchange.settle(seq, "ok"),
      (exchange, seq) => exchange.refuse(seq, new PeerError("no", { status: 1 })),
      (exchange, seq) => exchange.refuse(seq, new PeerError("busy", { status: 1, transient: true })),
      (exchange) => exchange.lost(new Error("gone")),
      () => user.abort("stop"),
      (exchange) => exchange.close(closedBy()),
    ];
    for (const act of inside) {
      const { exchange, peer, submit } = setup();
      peer.onWrite = (seq) => act(exchange, seq);
      const result = submit("a", { signal: user.signal }).then(() => {}, () => {});
      close(exchange);
      await result;
      const { published, confirmed, rejected, unconfirmed } = exchange.counts;
      expect([published, confirmed + rejected + unconfirmed]).toEqual([1, 1]);
      await over(exchange);
      if (user.signal.aborted) break;
    }
  });
});

describe("Exchange: abort", () => {
  it.each(reasons)(
    "rejects with %s before any side effect when the signal has aborted before",
    async (_, reason) => {
      const { exchange, peer, submit } = setup();
      expect(await rejection(submit("a", { signal: AbortSignal.abort(reason) }))).toBe(reason);
      expect([peer.payloads, exchange.pending]).toEqual([[], 0]);
      expect(exchange.counts).toMatchObject({ aborted: 1, published: 0 });
      await over(exchange);
    },
  );

  it.each(reasons)("withdraws an operation that waits, with %s", async (_, reason) => {
    const { exchange, peer, submit } = setup({ window: 1 });
    const user = countedAbort();
    const first = submit("first");
    const result = submit("a", { signal: user.signal });
    const last = submit("last");
    user.abort(reason);
    expect(await rejection(result)).toBe(reason);
    exchange.settle(peer.seq("first"), "1");
    exchange.settle(peer.seq("last"), "2");
    expect(await Promise.all([first, last])).toEqual(["1", "2"]);
    expect(peer.payloads).toEqual(["first", "last"]);
    expect(exchange.counts).toMatchObject({ published: 2, aborted: 1, unconfirmed: 0 });
    await over(exchange);
    expect(user.listeners()).toBe(0);
  });

  it.each(reasons)(
    "only stops waiting for one that is written, with %s, and drops its late reply",
    async (_, reason) => {
      const { exchange, peer, submit } = setup();
      const user = countedAbort();
      const result = submit("a", { signal: user.signal });
      user.abort(reason);
      expect(await rejection(result)).toBe(reason);
      exchange.settle(peer.seq("a"), "late");
      expect(exchange.counts).toMatchObject({
        published: 1,
        aborted: 1,
        unconfirmed: 1,
        confirmed: 0,
        late: 1,
      });
      await over(exchange);
      expect(user.listeners()).toBe(0);
    },
  );

  it("ends one that waits for a busy peer", async () => {
    const { exchange, peer, submit } = setup();
    const user = countedAbort();
    const result = submit("a", { signal: user.signal });
    exchange.refuse(peer.seq("a"), busy());
    user.abort(null);
    expect(await rejection(result)).toBe(null);
    expect(exchange.counts).toMatchObject({ published: 1, rejected: 1, aborted: 1 });
    await over(exchange);
    expect(peer.payloads).toEqual(["a"]);
  });

  it("changes nothing after the reply", async () => {
    const { exchange, peer, submit } = setup();
    const user = countedAbort();
    const result = submit("a", { signal: user.signal });
    exchange.settle(peer.seq("a"), "reply");
    user.abort("late");
    expect(await result).toBe("reply");
    expect(exchange.counts.aborted).toBe(0);
    await over(exchange);
  });
});

describe("Exchange: the window of the next connection", () => {
  it("does not count what an earlier one still owes", () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    for (const name of ["a", "b", "c"]) quiet(submit(name));
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.open();
    for (const name of ["d", "e"]) quiet(submit(name));
    expect(peer.payloads).toEqual(["a", "b", "c", "d"]);
    exchange.settle(peer.seq("a"), "late");
    expect(peer.payloads).toHaveLength(4);
    exchange.settle(peer.seq("c"), "in time");
    expect(peer.payloads).toEqual(["a", "b", "c", "d", "e"]);
    exchange.lost(new Error("gone"), 1);
    quiet(submit("f"));
    expect(peer.payloads).toHaveLength(5);
    exchange.settle(peer.seq("d"), "in time");
    expect(peer.payloads).toHaveLength(6);
    close(exchange);
  });

  it("is asked for when half of this one is held by what many replies have overtaken", () => {
    let asked = 0;
    const { exchange, peer, submit } = setup({ window: 4, onOvertaken: () => asked++ });
    const reply = (count: number): void => {
      for (let i = 0; i < count; i++) {
        quiet(submit(`m${i}`));
        exchange.settle(peer.seq(`m${i}`), "ok");
      }
    };
    quiet(submit("never"));
    reply(100);
    expect(asked).toBe(0);
    quiet(submit("neither"));
    reply(27);
    expect(asked).toBe(0);
    reply(1);
    expect(asked).toBe(1);
    exchange.open();
    reply(100);
    expect(asked).toBe(1);
    close(exchange);
  });
});

describe("Exchange: tombstones", () => {
  it("hold their place in the window until the late reply", async () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    const user = countedAbort();
    quiet(submit("a", { signal: user.signal }));
    quiet(submit("b"));
    quiet(submit("c"));
    user.abort("stop");
    expect([exchange.pending, exchange.outstanding]).toEqual([2, 1]);
    exchange.writable = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.settle(peer.seq("a"), "late");
    expect(peer.payloads).toEqual(["a", "b", "c"]);
    close(exchange);
    await over(exchange);
  });

  it("hold it for 30 s at most, or as long as the options say", async () => {
    for (const tombstone of [undefined, 500]) {
      const { exchange, peer, submit } = setup({ window: 1, tombstone });
      const expired = rejection(submit("a", { timeout: 100 }));
      quiet(submit("b", { timeout: Infinity }));
      await vi.advanceTimersByTimeAsync(120);
      expect(await expired).toBeInstanceOf(TimeoutError);
      await vi.advanceTimersByTimeAsync((tombstone ?? 30_000) - 50);
      expect(peer.payloads).toEqual(["a"]);
      await vi.advanceTimersByTimeAsync(50);
      expect(peer.payloads).toEqual(["a", "b"]);
      exchange.settle(peer.seq("a"), "very late");
      expect(exchange.counts.late).toBe(1);
      close(exchange);
      await over(exchange);
    }
  });

  it("go with their connection", async () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    const user = countedAbort();
    quiet(submit("a", { signal: user.signal }));
    user.abort("stop");
    quiet(submit("b"));
    exchange.lost(new Error("gone"));
    exchange.open();
    expect(peer.payloads).toEqual(["a", "b"]);
    close(exchange);
    await over(exchange);
  });

  it("do not count as pending: an exchange with nothing else is idle", async () => {
    const { exchange, submit } = setup();
    const user = countedAbort();
    quiet(submit("a", { signal: user.signal }));
    const idle = vi.fn();
    void exchange.idle().then(idle);
    await Promise.resolve();
    expect(idle).not.toHaveBeenCalled();
    user.abort("stop");
    await Promise.resolve();
    await Promise.resolve();
    expect(idle).toHaveBeenCalledOnce();
    close(exchange);
    await over(exchange);
  });
});

describe("Exchange: timeout", () => {
  it("of 0 writes nothing, whatever waits or not", async () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    const error = await rejection(submit("never", { timeout: 0 }));
    expect(error).toMatchObject({ name: "TimeoutError", timeout: 0, outcome: "not-sent" });
    const [a, b] = [submit("a"), submit("b")];
    const waiting = submit("waiting");
    expect(await rejection(submit("never", { timeout: 0 }))).toMatchObject({ outcome: "not-sent" });
    for (const payload of ["a", "b", "waiting"]) exchange.settle(peer.seq(payload), payload);
    expect(await Promise.all([a, b, waiting])).toEqual(["a", "b", "waiting"]);
    expect(exchange.counts).toMatchObject({ published: 3, confirmed: 3, settled: 5 });
    await over(exchange);
  });

  it("rejects one that was written with outcome unknown", async () => {
    const { exchange, submit } = setup();
    const result = rejection(submit("a", { timeout: 200 }));
    await vi.advanceTimersByTimeAsync(216);
    const error = await result as TimeoutError;
    expect(error).toBeInstanceOf(TimeoutError);
    expect(error).toMatchObject({
      timeout: 200,
      outcome: "unknown",
      message: "Cannot publish a: no reply within 200 ms",
    });
    expect(exchange.counts).toMatchObject({ published: 1, unconfirmed: 1, settled: 1 });
    close(exchange);
    await over(exchange);
  });

  it("rejects one that waits with outcome not-sent, for the window and for a connection", async () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    quiet(submit("first"));
    const inWindow = rejection(submit("a", { timeout: 200 }));
    await vi.advanceTimersByTimeAsync(216);
    expect(await inWindow).toMatchObject({
      outcome: "not-sent",
      message: "Cannot publish a: no room in the window within 200 ms",
    });
    exchange.lost(new Error("gone"));
    const offline = rejection(submit("b", { timeout: 200 }));
    await vi.advanceTimersByTimeAsync(216);
    expect(await offline).toMatchObject({
      outcome: "not-sent",
      message: "Cannot publish b: no connection within 200 ms",
    });
    expect(peer.payloads).toEqual(["first"]);
    expect(exchange.counts).toMatchObject({ published: 1, unconfirmed: 1 });
    await over(exchange);
  });

  it("bounds the whole operation, the waiting for the window included", async () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    quiet(submit("first"));
    const result = rejection(submit("a", { timeout: 200 }));
    await vi.advanceTimersByTimeAsync(150);
    exchange.settle(peer.seq("first"), "1");
    expect(peer.payloads).toEqual(["first", "a"]);
    await vi.advanceTimersByTimeAsync(66);
    expect(await result).toMatchObject({ outcome: "unknown", timeout: 200 });
    close(exchange);
    await over(exchange);
  });

  it("sets no timer for Infinity", async () => {
    const { exchange, wheel, submit } = setup();
    quiet(submit("a", { timeout: Infinity }));
    expect([wheel.size, vi.getTimerCount()]).toEqual([0, 0]);
    close(exchange);
    await over(exchange);
  });
});

describe("Exchange: a busy peer", () => {
  it("is asked again with a growing wait, with the same payload and a sequence number of its own", async () => {
    const { exchange, peer, submit } = setup({ busy: { min: 100, max: 1_000, jitter: 0 } });
    const result = submit("a", { timeout: 10_000 });
    for (const wait of [100, 200, 400, 800, 1_000, 1_000]) {
      const written = peer.writes.length;
      exchange.refuse(peer.seq("a"), busy());
      await vi.advanceTimersByTimeAsync(wait - 1);
      expect(peer.writes).toHaveLength(written);
      await vi.advanceTimersByTimeAsync(10);
      expect(peer.writes).toHaveLength(written + 1);
    }
    expect(new Set(peer.writes.map(({ seq }) => seq)).size).toBe(7);
    exchange.settle(peer.seq("a"), "at last");
    expect(await result).toBe("at last");
    expect(exchange.counts).toMatchObject({ published: 1, confirmed: 1, rejected: 0, settled: 1 });
    await over(exchange);
  });

  it("is asked again only inside the timeout", async () => {
    const { exchange, peer, submit } = setup({ busy: { min: 100, max: 1_000, jitter: 0 } });
    const result = rejection(submit("a", { timeout: 250 }));
    peer.onWrite = (seq) => void queueMicrotask(() => exchange.refuse(seq, busy()));
    exchange.refuse(peer.seq("a"), busy());
    await vi.advanceTimersByTimeAsync(300);
    expect(await result).toMatchObject({
      name: "TimeoutError",
      outcome: "not-sent",
      message: "Cannot publish a: the peer stayed busy within 250 ms",
      cause: { name: "PeerError", status: 3 },
    });
    expect(peer.payloads).toEqual(["a", "a"]);
    expect(exchange.counts).toMatchObject({ published: 1, rejected: 1 });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(peer.payloads).toEqual(["a", "a"]);
    await over(exchange);
  });

  it("leaves it open what became of a write that has no answer, refusals of others or not", async () => {
    const { exchange, peer, submit } = setup({ busy: { min: 100, max: 100, jitter: 0 } });
    const lost = rejection(submit("lost", { timeout: 250, retry: "unknown" }));
    exchange.lost(new Error("gone"));
    exchange.open();
    const late = rejection(submit("late", { timeout: 250 }));
    exchange.refuse(peer.seq("late"), busy());
    await vi.advanceTimersByTimeAsync(200);
    exchange.refuse(peer.seq("lost"), busy());
    await vi.advanceTimersByTimeAsync(100);
    expect(await lost).toMatchObject({ outcome: "unknown", cause: { status: 3 } });
    expect(await late).toMatchObject({ outcome: "unknown", cause: { status: 3 } });
    close(exchange);
  });

  it("leaves it open what became of what it may have handed on before somebody else refused it", async () => {
    const { exchange, peer, submit } = setup({
      busy: { min: 100, max: 100, jitter: 0 },
      refusalsProve: false,
    });
    const result = rejection(submit("a", { timeout: 50 }));
    exchange.refuse(peer.seq("a"), busy());
    await vi.advanceTimersByTimeAsync(100);
    expect(await result).toMatchObject({ code: "ERR_TIMEOUT", outcome: "unknown", cause: { status: 3 } });
    await over(exchange);
  });

  it("frees a place in the window meanwhile", async () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    quiet(submit("a"));
    quiet(submit("b"));
    exchange.refuse(peer.seq("a"), busy());
    expect(peer.payloads).toEqual(["a", "b"]);
    close(exchange);
    await over(exchange);
  });

  it("has refused for good when the operation may not be sent again: after stop", async () => {
    const { exchange, peer, submit } = setup();
    const result = submit("a");
    exchange.stop(closedBy());
    const error = busy();
    exchange.refuse(peer.seq("a"), error);
    expect(await rejection(result)).toBe(error);
    await over(exchange);
  });
});

describe("Exchange: loss", () => {
  it("rejects each written operation with an error of its own, all with one cause", async () => {
    const { exchange, submit } = setup();
    const results = ["a", "b", "c"].map((payload) => rejection(submit(payload)));
    const cause = new Error("read ECONNRESET");
    exchange.lost(cause);
    const errors = await Promise.all(results) as ConnectionLostError[];
    expect(new Set(errors).size).toBe(3);
    for (const error of errors) {
      expect(error).toBeInstanceOf(ConnectionLostError);
      expect(error.outcome).toBe("unknown");
      expect(error.cause).toBe(cause);
    }
    expect(errors.map(({ message }) => message)).toEqual(
      ["a", "b", "c"].map((payload) => `Cannot publish ${payload}: the connection was lost`),
    );
    expect(exchange.counts).toMatchObject({ published: 3, unconfirmed: 3, settled: 3 });
    await over(exchange);
  });

  it("keeps what was not written, in order, and writes it when there is a connection again; nothing else", async () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    const results = ["a", "b", "c", "d"].map((payload) => submit(payload));
    results.slice(0, 2).forEach(quiet);
    exchange.lost(new Error("gone"));
    expect(exchange.pending).toBe(2);
    exchange.open();
    expect(peer.payloads).toEqual(["a", "b", "c", "d"]);
    for (const payload of ["c", "d"]) exchange.settle(peer.seq(payload), payload);
    expect(await Promise.all(results.slice(2))).toEqual(["c", "d"]);
    await over(exchange);
  });

  it("sends again what asked for it, the same payload, before what waits, in order", async () => {
    const { exchange, peer, submit } = setup({ window: 3 });
    const results = [
      submit("a", { retry: "unknown" }),
      rejection(submit("b")),
      submit("c", { retry: "unknown" }),
      submit("d"),
    ];
    const first = { a: peer.seq("a"), c: peer.seq("c") };
    exchange.lost(new Error("gone"));
    expect(exchange.pending).toBe(3);
    exchange.open();
    expect(peer.payloads).toEqual(["a", "b", "c", "a", "c", "d"]);
    exchange.settle(first.a, "from the first connection");
    expect(exchange.counts.late).toBe(1);
    for (const payload of ["a", "c", "d"]) exchange.settle(peer.seq(payload), payload);
    expect(await results[0]).toBe("a");
    expect(await results[1]).toBeInstanceOf(ConnectionLostError);
    expect(await Promise.all(results.slice(2))).toEqual(["c", "d"]);
    expect(exchange.counts).toMatchObject({ published: 4, confirmed: 3, unconfirmed: 1 });
    await over(exchange);
  });

  it("tells of one that waits to be sent again that its outcome is unknown", async () => {
    const { exchange, submit } = setup();
    const timedOut = rejection(submit("a", { retry: "unknown", timeout: 100 }));
    const closed = rejection(submit("b", { retry: "unknown" }));
    exchange.lost(new Error("gone"));
    await vi.advanceTimersByTimeAsync(120);
    expect(await timedOut).toMatchObject({ name: "TimeoutError", outcome: "unknown" });
    close(exchange);
    expect(await closed).toMatchObject({ name: "ClosedError", outcome: "unknown" });
    expect(exchange.counts).toMatchObject({ published: 2, unconfirmed: 2 });
    await over(exchange);
  });

  it('fails at once with `offline: "fail"`: new calls, those that wait, and those that wait for a busy peer', async () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    const cooling = rejection(submit("cooling", { offline: "fail" }));
    quiet(submit("written"));
    quiet(submit("written too"));
    exchange.refuse(peer.seq("cooling"), busy());
    const waiting = rejection(submit("waiting", { offline: "fail" }));
    const patient = submit("patient");
    const cause = new Error("gone");
    exchange.lost(cause);
    expect(await waiting).toMatchObject({ name: "ConnectionLostError", outcome: "not-sent", cause });
    expect(await cooling).toMatchObject({ name: "ConnectionLostError", outcome: "not-sent", cause });
    const fresh = await rejection(submit("new", { offline: "fail" })) as ConnectionLostError;
    expect(fresh).toMatchObject({ name: "ConnectionLostError", outcome: "not-sent" });
    expect("cause" in fresh).toBe(false);
    exchange.open();
    exchange.settle(peer.seq("patient"), "ok");
    expect(await patient).toBe("ok");
    expect(exchange.counts).toMatchObject({ published: 4, confirmed: 1, rejected: 1, unconfirmed: 2 });
    await over(exchange);
  });

  it("gives up what waits when it is lost after stop: no connection will come", async () => {
    const { exchange, submit } = setup({ window: 1 });
    const written = rejection(submit("a", { retry: "unknown" }));
    const waiting = rejection(submit("b"));
    exchange.stop(closedBy("why"));
    exchange.lost(new Error("gone"));
    expect(await written).toBeInstanceOf(ConnectionLostError);
    expect(await waiting).toMatchObject({ name: "ClosedError", outcome: "not-sent", cause: "why" });
    await exchange.idle();
    await over(exchange);
  });
});

describe("Exchange: two connections", () => {
  it("holds back what is new, lets the old connection answer, and goes on with the next", async () => {
    const { exchange, peer, submit } = setup();
    const [a, b] = [submit("a"), rejection(submit("b"))];
    exchange.hold();
    const c = submit("c");
    expect(peer.payloads).toEqual(["a", "b"]);
    exchange.open(2);
    expect(peer.payloads).toEqual(["a", "b", "c"]);
    exchange.settle(peer.seq("a"), "a");
    exchange.lost(new Error("old one gone"), 1);
    expect(await b).toBeInstanceOf(ConnectionLostError);
    const d = submit("d");
    for (const payload of ["c", "d"]) exchange.settle(peer.seq(payload), payload);
    expect(await Promise.all([a, c, d])).toEqual(["a", "c", "d"]);
    await over(exchange);
  });

  it("tells when nothing written to the old connection waits for its reply", async () => {
    const { exchange, peer, submit } = setup();
    const user = countedAbort();
    quiet(submit("a"));
    quiet(submit("b", { signal: user.signal }));
    const told = vi.fn();
    void exchange.quiet(1).then(told);
    exchange.hold();
    exchange.open(2);
    quiet(submit("c"));
    exchange.settle(peer.seq("a"), "a");
    await turn();
    expect(told).not.toHaveBeenCalled();
    user.abort("stop");
    await turn();
    expect(told).toHaveBeenCalledOnce();
    await exchange.quiet(1);
    close(exchange);
    await exchange.quiet(2);
    await over(exchange);
  });
});

describe("Exchange: stop and close", () => {
  it("stop refuses what is new, and lets the rest settle", async () => {
    const { exchange, peer, submit } = setup({ window: 1 });
    const [a, b] = [submit("a"), submit("b")];
    exchange.stop(closedBy("why"));
    exchange.stop(closedBy("second"));
    const refused = await rejection(submit("c"));
    expect(refused).toMatchObject({
      name: "ClosedError",
      outcome: "not-sent",
      cause: "why",
      message: "publish c",
    });
    const idle = vi.fn();
    void exchange.idle().then(idle);
    for (const payload of ["a", "b"]) {
      expect(idle).not.toHaveBeenCalled();
      exchange.settle(peer.seq(payload), payload);
      await turn();
    }
    expect(idle).toHaveBeenCalledOnce();
    expect(await Promise.all([a, b])).toEqual(["a", "b"]);
    expect(exchange.counts).toMatchObject({ settled: 2, refused: 1 });
    await over(exchange);
  });

  it("stop gives up what waits when there is no connection", async () => {
    const { exchange, submit } = setup({ offline: true });
    const result = rejection(submit("a"));
    exchange.stop(closedBy());
    expect(await result).toMatchObject({ name: "ClosedError", outcome: "not-sent" });
    await over(exchange);
  });

  it("an aborted signal wins over a refusal", async () => {
    const { exchange, submit } = setup();
    close(exchange);
    expect(await rejection(submit("a", { signal: AbortSignal.abort(0) }))).toBe(0);
  });

  it("close gives up everything, each with its own error and its own outcome", async () => {
    const { exchange, peer, submit } = setup({ window: 2 });
    const results = ["written", "cooling", "written too", "waiting"].map((payload) =>
      rejection(submit(payload))
    );
    exchange.refuse(peer.seq("cooling"), busy());
    exchange.close(closedBy("why"));
    const errors = await Promise.all(results) as ClosedError[];
    expect(new Set(errors).size).toBe(4);
    expect(errors.map(({ outcome }) => outcome)).toEqual(["unknown", "not-sent", "unknown", "not-sent"]);
    for (const error of errors) expect(error.cause).toBe("why");
    expect(exchange.counts).toMatchObject({ published: 3, unconfirmed: 2, rejected: 1, refused: 4 });
    exchange.settle(peer.seq("written"), "late");
    exchange.open();
    expect(peer.payloads).toHaveLength(3);
    await exchange.idle();
    await over(exchange);
  });

  it("is idle at once when nothing is pending", async () => {
    await setup().exchange.idle();
  });
});

describe("Exchange: a write that throws", () => {
  it("rejects that operation with what was thrown, and goes on with the next", async () => {
    const { exchange, peer, submit } = setup({ window: 1, offline: true });
    const error = new RangeError("too large");
    peer.onWrite = (_, payload) => {
      if (payload.startsWith("bad")) throw error;
    };
    const results = [rejection(submit("bad 1")), submit("good"), rejection(submit("bad 2"))];
    exchange.open();
    exchange.settle(peer.seq("good"), "ok");
    expect(await Promise.all(results)).toEqual([error, "ok", error]);
    expect(await rejection(submit("bad 3"))).toBe(error);
    expect(exchange.counts).toMatchObject({ published: 1, confirmed: 1, settled: 4, unconfirmed: 0 });
    expect(exchange.pending).toBe(0);
    await over(exchange);
  });

  it("leaves one unconfirmed that had been written before", async () => {
    const { exchange, peer, submit } = setup();
    const result = rejection(submit("a", { retry: "unknown" }));
    exchange.lost(new Error("gone"));
    const error = new Error("write");
    peer.onWrite = () => {
      throw error;
    };
    exchange.open();
    expect(await result).toBe(error);
    expect(exchange.counts).toMatchObject({ published: 1, unconfirmed: 1 });
    await over(exchange);
  });

  it("changes nothing when the operation has ended inside that write", async () => {
    const { exchange, peer, submit } = setup();
    peer.onWrite = (seq) => {
      exchange.settle(seq, "ok");
      throw new Error("after all");
    };
    expect(await submit("a")).toBe("ok");
    expect(exchange.counts).toMatchObject({ published: 1, confirmed: 1, settled: 1 });
    await over(exchange);
  });
});

describe("Exchange: whatever happens", () => {
  const command = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        type: fc.constant("submit" as const),
        timeout: fc.constantFrom(20, 200, 5_000, Infinity),
        signal: fc.boolean(),
        retry: fc.constantFrom("never" as const, "unknown" as const),
        offline: fc.constantFrom("wait" as const, "wait" as const, "fail" as const),
        inside: fc.constantFrom(
          "nothing",
          "nothing",
          "nothing",
          "settle",
          "refuse",
          "busy",
          "throw",
          "lost",
          "abort" as const,
        ),
      }),
    },
    { weight: 6, arbitrary: fc.record({ type: fc.constant("reply" as const), at: fc.nat(30) }) },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant("refuse" as const), at: fc.nat(30), transient: fc.boolean() }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant("abort" as const), at: fc.nat(30) }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constant("pass" as const), time: fc.nat(400) }) },
    {
      weight: 4,
      arbitrary: fc.record({
        type: fc.constantFrom("lost", "open", "hold", "next", "old lost", "full", "room", "stray" as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ type: fc.constant("window" as const), size: fc.integer({ min: 1, max: 6 }) }),
    },
  );

  it("settles each operation once, keeps window, order and ledger, and leaves nothing behind", async () => {
    const run = fc.asyncProperty(
      fc.array(command, { maxLength: 60 }),
      fc.integer({ min: 1, max: 5 }),
      fc.option(fc.nat(60), { nil: undefined }),
      async (commands, window, stopAt) => await simulate(commands, window, stopAt),
    );
    await fc.assert(run, { numRuns: 300 });
  });

  type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

  async function simulate(
    commands: readonly Command[],
    window: number,
    stopAt: number | undefined,
  ): Promise<void> {
    const wheel = new TimerWheel();
    const cause = new Error("gone");
    const settled: string[] = [];
    const violations: string[] = [];
    const calls: {
      options: SubmitOptions;
      user: ReturnType<typeof countedAbort>;
      inside: string;
      done: string[];
    }[] = [];
    /** What the peer has and has not answered. */
    const held = new Map<number, { payload: number; epoch: number }>();
    const writes = new Map<number, number>();
    const firstWrites: number[] = [];
    const refusedBusy = new Set<number>();
    const refusals: Map<number, number> = new Map();
    let [seq, epoch, connected, writable] = [0, 1, true, true];
    let older: number[] = [];

    const drop = (of: number): void => {
      for (const [key, entry] of held) if (entry.epoch === of) held.delete(key);
    };
    const exchange = new Exchange<number, string>({
      wheel,
      window,
      tombstone: 10_000_000,
      nextSeq: () => ++seq,
      describe: (payload) => `publish ${payload}`,
      refusalsProve: true,
      busy: { min: 10, max: 50 },
      write(at, payload) {
        const call = calls[payload]!;
        const before = writes.get(payload) ?? 0;
        // What is thrown here would be an error of the operation: it is noted, and looked at in the end.
        if (!connected) violations.push("written without a connection");
        if (!writable) violations.push("written to a full transport");
        if (call.done.length > 0) violations.push("written after its end");
        // A window is for one connection: what an earlier one still owes does not count.
        const present = [...held.values()].filter((entry) => entry.epoch === epoch);
        if (present.length >= exchange.window) violations.push("written beyond the window");
        if (before > 0 && call.options.retry !== "unknown" && !refusedBusy.has(payload)) {
          violations.push("written again");
        }
        if (before === 0) firstWrites.push(payload);
        if (call.inside === "throw") throw new Error("write");
        writes.set(payload, before + 1);
        held.set(at, { payload, epoch });
        const { inside } = call;
        call.inside = "nothing";
        if (inside === "settle") reply(at);
        else if (inside === "refuse") refuse(at, false);
        else if (inside === "busy") refuse(at, true);
        else if (inside === "lost") lose();
        else if (inside === "abort") call.user.abort(payload);
      },
    });
    const reply = (at: number): void => {
      const entry = held.get(at)!;
      held.delete(at);
      exchange.settle(at, `reply ${entry.payload}`);
    };
    const refuse = (at: number, transient: boolean): void => {
      const { payload } = held.get(at)!;
      held.delete(at);
      if (transient) refusedBusy.add(payload);
      refusals.set(payload, (refusals.get(payload) ?? 0) + 1);
      exchange.refuse(at, new PeerError("no", { status: 1, transient }));
    };
    const lose = (): void => {
      connected = false;
      drop(epoch);
      exchange.lost(cause);
    };
    exchange.open(epoch);

    for (const [i, step] of commands.entries()) {
      if (i === stopAt) exchange.stop(closedBy("end"));
      const at = "at" in step ? [...held.keys()][step.at % Math.max(1, held.size)] : undefined;
      switch (step.type) {
        case "submit": {
          const { timeout, signal, retry, offline, inside } = step;
          const user = countedAbort();
          const options: SubmitOptions = {
            timeout,
            retry,
            offline,
            ...(signal || inside === "abort" ? { signal: user.signal } : {}),
          };
          const done: string[] = [];
          const payload = calls.push({ options, user, inside, done }) - 1;
          exchange.submit(payload, options).then(
            (value) => {
              expect(value).toBe(`reply ${payload}`);
              done.push("reply");
            },
            (error: unknown) => {
              if (error instanceof ConnectionLostError && error.outcome === "unknown") {
                expect(error.cause).toBe(cause);
              }
              const sent = writes.has(payload);
              const { outcome } = error as { outcome?: SendOutcome };
              // A refusal that comes after the end changes nothing.
              if (outcome === "not-sent") {
                expect(refusals.get(payload) ?? 0).toBeGreaterThanOrEqual(writes.get(payload) ?? 0);
              } else if (outcome !== undefined) {
                expect(sent).toBe(true);
              }
              if (user.signal.aborted && typeof error === "number") expect(error).toBe(payload);
              done.push(error instanceof Error ? error.name : "abort");
            },
          ).then(() => settled.push(`${payload}`));
          break;
        }
        case "reply":
          if (at !== undefined) reply(at);
          break;
        case "refuse":
          if (at !== undefined) refuse(at, step.transient);
          break;
        case "abort": {
          const payload = step.at % Math.max(1, calls.length);
          calls[payload]?.user.abort(payload);
          break;
        }
        case "pass":
          await vi.advanceTimersByTimeAsync(step.time);
          break;
        case "lost":
          lose();
          break;
        case "open":
          if (!connected) epoch++;
          connected = writable = true;
          exchange.open(epoch);
          break;
        case "hold":
          connected = false;
          exchange.hold();
          break;
        case "next":
          if (!connected) break;
          older.push(epoch);
          connected = writable = true;
          exchange.hold();
          exchange.open(++epoch);
          break;
        case "old lost":
          for (const each of older.splice(0)) {
            drop(each);
            exchange.lost(cause, each);
          }
          break;
        case "full":
          writable = false;
          exchange.writable = false;
          break;
        case "room":
          writable = true;
          exchange.writable = true;
          break;
        case "stray":
          exchange.settle(seq + 1_000_000, "stray");
          break;
        case "window":
          exchange.window = step.size;
          break;
      }
      expect(exchange.pending).toBeGreaterThanOrEqual(exchange.outstanding);
      await turn();
      expect(exchange.pending).toBe(calls.filter(({ done }) => done.length === 0).length);
    }
    older = [];
    exchange.close(closedBy("end"));
    await exchange.idle();
    await turn();
    expect(violations).toEqual([]);
    for (const { done } of calls) expect(done).toHaveLength(1);
    expect(settled).toHaveLength(calls.length);
    expect(firstWrites).toEqual([...firstWrites].sort((one, other) => one - other));
    const { published, confirmed, rejected, unconfirmed, settled: ended, aborted, refused } = exchange.counts;
    expect(published).toBe(writes.size);
    expect(published).toBe(confirmed + rejected + unconfirmed);
    expect(ended + aborted + refused).toBe(calls.length);
    expect(confirmed).toBe(calls.filter(({ done }) => done[0] === "reply").length);
    expect(aborted).toBe(calls.filter(({ done }) => done[0] === "abort").length);
    await over(exchange, wheel);
    for (const { user } of calls) expect(user.listeners()).toBe(0);
  }
});

interface Peer {
  readonly writes: { readonly seq: number; readonly payload: string }[];
  readonly payloads: string[];
  onWrite: ((seq: number, payload: string) => void) | undefined;
  /** Sequence number of the last write of a payload. */
  seq(payload: string): number;
}

const wheels: WeakMap<Exchange<string, string>, TimerWheel> = new WeakMap();

function setup(options: Partial<ExchangeOptions<string>> & { offline?: boolean } = {}): {
  exchange: Exchange<string, string>;
  peer: Peer;
  wheel: TimerWheel;
  submit(payload: string, options?: Partial<SubmitOptions>): Promise<string>;
} {
  const { offline = false, ...rest } = options;
  const wheel = new TimerWheel();
  const writes: { seq: number; payload: string }[] = [];
  const peer: Peer = {
    writes,
    get payloads() {
      return writes.map(({ payload }) => payload);
    },
    onWrite: undefined,
    seq: (payload) => writes.findLast((write) => write.payload === payload)!.seq,
  };
  let seq = 0;
  const exchange = new Exchange<string, string>({
    wheel,
    nextSeq: () => ++seq,
    describe: (payload) => `publish ${payload}`,
    refusalsProve: true,
    write(at, payload) {
      writes.push({ seq: at, payload });
      peer.onWrite?.(at, payload);
    },
    ...rest,
  });
  wheels.set(exchange, wheel);
  if (!offline) exchange.open();
  return {
    exchange,
    peer,
    wheel,
    submit: (payload, options) => exchange.submit(payload, { timeout: 20_000, ...options }),
  };
}

function closedBy(cause?: unknown): (action: string, outcome: SendOutcome) => ClosedError {
  return (action, outcome) => new ClosedError(action, { state: "closing", outcome, cause });
}

function close(exchange: Exchange<string, string>): void {
  exchange.close(closedBy());
}

/** Nothing is pending, and no timer is left. */
async function over(
  exchange: Exchange<never, never> | Exchange<string, string> | Exchange<number, string>,
  wheel?: TimerWheel,
): Promise<void> {
  expect(exchange.pending).toBe(0);
  await turn();
  expect((wheel ?? wheels.get(exchange as Exchange<string, string>)!).size).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
}

function busy(): PeerError {
  return new PeerError("busy", { status: 3, transient: true });
}

/** For results that a test does not look at. */
function quiet(promise: Promise<unknown>): void {
  promise.catch(() => {});
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(() => expect.unreachable("it resolved"), (error: unknown) => error);
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}
