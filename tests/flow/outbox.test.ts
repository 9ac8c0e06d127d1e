import { beforeEach, describe, expect, it } from "vitest";
import { type ByteSink, type ByteSource, Outbox } from "../../lib/flow/outbox.ts";
import { turns } from "../support/until.ts";

/** A buffer of bytes that remembers how it was emptied. */
class Source implements ByteSource {
  readonly emptied: string[] = [];
  #bytes: Uint8Array = new Uint8Array(1_024);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  append(...bytes: number[]): void {
    this.fill(Uint8Array.from(bytes));
  }
  fill(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#bytes.length) {
      const larger = new Uint8Array((this.#length + bytes.length) * 2);
      larger.set(this.view());
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }
  clear(): void {
    this.#length = 0;
    this.emptied.push("clear");
  }
  renew(): void {
    this.#bytes = new Uint8Array(1_024);
    this.#length = 0;
    this.emptied.push("renew");
  }
  take(): Uint8Array {
    const bytes = this.view().slice();
    this.#length = 0;
    this.emptied.push("take");
    return bytes;
  }
}

/** Takes bytes as a transport does: at once, or it holds on to them. */
class Sink implements ByteSink {
  readonly writes: Uint8Array[] = [];
  holds = false;
  full = false;
  get buffered(): number {
    return this.holds ? this.writes.reduce((sum, { length }) => sum + length, 0) : 0;
  }
  get sizes(): number[] {
    return this.writes.map(({ length }) => length);
  }
  write(bytes: Uint8Array): boolean {
    // What is held is a view; what was taken is gone, and its memory may change.
    this.writes.push(this.holds ? bytes : bytes.slice());
    return !this.full;
  }
}

let source: Source;
let sink: Sink;
let full: number;
let outbox: Outbox;

beforeEach(() => {
  source = new Source();
  sink = new Sink();
  full = 0;
  outbox = new Outbox(sink, source, { onFull: () => full++ });
});

describe("Outbox", () => {
  it("makes one write of what is written in one tick", async () => {
    for (let i = 0; i < 100; i++) put(i);
    expect(sink.writes).toEqual([]);
    await turns(1);
    expect(sink.sizes).toEqual([100]);
    expect([...sink.writes[0]!]).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it("gathers a producer that awaits between its writes too", async () => {
    for (let i = 0; i < 100; i++) {
      put(i);
      await Promise.resolve();
    }
    await turns(1);
    expect(sink.sizes).toEqual([100]);
  });

  it("gathers what is written for an answer and what whoever has awaited it writes next", async () => {
    let answer = (): void => {};
    const answered = new Promise<void>((resolve) => answer = resolve);
    const next = async (): Promise<void> => {
      await answered;
      await undefined;
      put(2);
    };
    void next();
    setImmediate(() => {
      put(1);
      answer();
    });
    await turns(2);
    expect(sink.sizes).toEqual([2]);
  });

  it("gathers several producers that await, and starts afresh in the next tick", async () => {
    const produce = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        put(i);
        await undefined;
      }
    };
    await Promise.all([produce(), produce(), produce()]);
    await turns(1);
    put(1);
    await turns(1);
    expect(sink.sizes).toEqual([30, 1]);
  });

  it("takes with it what its owner writes at the end of the tick, and asks no owner of a closed one", async () => {
    let ends = 0;
    const owner = {
      onFull() {},
      onTick() {
        if (ends++ > 0) return;
        source.fill(new Uint8Array(5));
        outbox.touch();
      },
    };
    outbox = new Outbox(sink, source, owner);
    put(1);
    await turns(3);
    expect([sink.sizes, ends]).toEqual([[6], 1]);
    put(1);
    outbox.close();
    await turns(3);
    expect([sink.sizes, ends]).toEqual([[6], 1]);
  });

  it("does not wait for the end of the tick with 64 KiB", async () => {
    source.fill(new Uint8Array(64 * 1_024 - 1));
    outbox.touch();
    expect(sink.sizes).toEqual([]);
    put(1);
    expect(sink.sizes).toEqual([64 * 1_024]);
    put(2);
    await turns(1);
    expect(sink.sizes).toEqual([64 * 1_024, 1]);
  });

  it("hands over at once when it is told to, and writes nothing empty", async () => {
    put(1);
    outbox.flush();
    expect(sink.sizes).toEqual([1]);
    outbox.flush();
    await turns(1);
    expect(sink.sizes).toEqual([1]);
  });

  it("writes the same memory again when the sink has taken everything", async () => {
    const memory = source.view().buffer;
    for (let i = 0; i < 3; i++) {
      put(i);
      await turns(1);
    }
    expect(source.emptied).toEqual(["clear", "clear", "clear"]);
    expect(source.view().buffer).toBe(memory);
  });

  it("leaves the memory to a sink that holds on to it, and hands over bytes of their own while it does", async () => {
    sink.holds = true;
    for (const bytes of [[1, 2, 3], [4, 5, 6], [7, 8, 9]]) {
      put(...bytes);
      await turns(1);
    }
    expect(source.emptied).toEqual(["renew", "take", "take"]);
    expect(sink.writes.map((bytes) => [...bytes])).toEqual([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
    sink.holds = false;
    put(10);
    await turns(1);
    expect(source.emptied.at(-1)).toBe("clear");
    expect(sink.writes.slice(0, 3).map((bytes) => [...bytes])).toEqual([[1, 2, 3], [4, 5, 6], [7, 8, 9]]);
  });

  it("tells when the sink is full, once per write", async () => {
    sink.full = true;
    put(1);
    put(2);
    expect(full).toBe(0);
    await turns(1);
    expect(full).toBe(1);
    sink.full = false;
    put(3);
    await turns(1);
    expect(full).toBe(1);
  });

  it("hands over nothing after close, what was waiting included", async () => {
    put(1);
    outbox.close();
    outbox.flush();
    put(2);
    await turns(1);
    expect(sink.sizes).toEqual([]);
  });

  it("may be touched by what a full sink causes", async () => {
    outbox = new Outbox(sink, source, {
      onFull: () => {
        if (full++ < 3) put(9);
      },
    });
    sink.full = true;
    put(1);
    await turns(5);
    expect(sink.sizes).toEqual([1, 1, 1, 1]);
  });
});

function put(...bytes: number[]): void {
  source.append(...bytes);
  outbox.touch();
}
