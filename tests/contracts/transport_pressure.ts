import { describe, expect, it } from "vitest";
import { turns, until } from "../support/until.ts";
import { benchTest, bytesOf, pattern, Recorder, type TransportFixture } from "./transport_kit.ts";

const mark = 1_048_576;

/** How a slow reader is felt by the writer. */
export function pressureContract(fixture: TransportFixture): void {
  const test = (body: Parameters<typeof benchTest>[1], highWaterMark?: number) =>
    benchTest(fixture, body, { highWaterMark });

  describe("back-pressure", () => {
    it.each(["client", "server"] as const)(
      "reads nothing before the start, and makes the other end wait: %s",
      (late) =>
        test(async (bench) => {
          const pair = await bench.pair();
          const writer = late === "client" ? pair.server : pair.client;
          const atWriter = new Recorder(writer).start();
          const written = await fill(atWriter);
          expect(writer.buffered).toBeGreaterThan(mark);
          const drains = atWriter.drains;
          const atReader = new Recorder(pair[late]).start();
          await atReader.received(written);
          await until(() => atWriter.drains === drains + 1, { what: "drain" });
          expect(writer.buffered).toBeLessThanOrEqual(mark);
        })(),
    );

    it(
      "says false above the mark, drains, and loses nothing with a slow reader",
      test(async (bench) => {
        const { client, server, atClient, atServer } = await bench.started();
        const message = pattern(10_000_000);
        let restAt = 100_000;
        atServer.onData = () => {
          if (atServer.bytes < restAt) return;
          restAt = atServer.bytes + 500_000;
          server.pause();
          setTimeout(() => server.resume(), 1);
        };
        let refused = 0;
        for (let at = 0; at < message.length; at += 50_000) {
          if (client.write(message.subarray(at, at + 50_000))) continue;
          refused++;
          const drains = atClient.drains;
          await until(() => atClient.drains > drains, { what: "drain" });
        }
        client.end();
        await atServer.ended();
        expect(refused).toBeGreaterThan(0);
        expect(atClient.drains).toBe(refused);
        expect(atServer.hex()).toBe(Buffer.from(message).toString("hex"));
      }, 100_000),
    );

    it(
      "delivers nothing between pause and resume",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        atServer.onData = () => server.pause();
        client.write(bytesOf("a"));
        await atServer.received(1);
        client.write(bytesOf("b"));
        client.end();
        await turns(20);
        expect([atServer.bytes, atServer.ends]).toEqual([1, 0]);
        atServer.onData = () => {};
        server.resume();
        await atServer.ended();
        expect(atServer.text()).toBe("ab");
      }),
    );

    it(
      "tells no end between pause and resume, and closes only when it is told",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        server.end();
        server.pause();
        client.end();
        await turns(20);
        expect([atServer.ends, atServer.closed, server.destroyed]).toEqual([0, false, false]);
        server.resume();
        await atServer.ended();
        expect(await server.closed).toBeUndefined();
      }),
    );

    it(
      "closes only when the data is told that came with the end",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        server.end();
        server.pause();
        client.write(bytesOf("last"));
        client.end();
        await turns(20);
        expect([atServer.bytes, atServer.closed]).toEqual([0, false]);
        server.resume();
        expect(await server.closed).toBeUndefined();
        expect([atServer.text(), atServer.ends]).toEqual(["last", 1]);
      }),
    );

    it(
      "can be destroyed while the end waits to be told",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        server.end();
        server.pause();
        client.end();
        await turns(20);
        server.destroy();
        expect(await server.closed).toBeUndefined();
        expect(atServer.ends).toBe(0);
      }),
    );

    it(
      "tells no drain when the stream breaks while its writer waits",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        const atClient = new Recorder(client).start();
        await fill(atClient);
        const drains = atClient.drains;
        server.reset();
        expect(await client.closed).toBeInstanceOf(Error);
        expect(atClient.drains).toBe(drains);
      }),
    );

    it(
      "may be paused before the start",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        server.pause();
        const atServer = new Recorder(server).start();
        client.write(bytesOf("held"));
        await turns(20);
        expect(atServer.bytes).toBe(0);
        server.resume();
        await atServer.received(4);
      }),
    );

    it(
      "does not begin to read by a resume before the start",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        server.pause();
        server.resume();
        client.write(bytesOf("kept"));
        await turns(20);
        const atServer = new Recorder(server).start();
        await atServer.received(4);
        expect(atServer.text()).toBe("kept");
      }),
    );

    it(
      "tells the drain of what was written before the start",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        const atServer = new Recorder(server).start();
        let size = 0;
        for (let accepted = true; accepted; size += 200_000) {
          expect(size).toBeLessThan(100_000_000);
          accepted = client.write(pattern(200_000));
        }
        await atServer.received(size);
        await until(() => client.buffered === 0, { what: "an empty buffer" });
        const atClient = new Recorder(client).start();
        await until(() => atClient.drains === 1, { what: "drain" });
      }, 1_000),
    );

    it(
      "lets the writer overwrite its bytes whenever nothing is buffered",
      test(async (bench) => {
        const size = 400;
        const count = 20_000;
        const { client, server, atServer } = await bench.started();
        let next = 0;
        let restAt = 300;
        let wrong = 0;
        let carry = Buffer.alloc(0);
        atServer.onData = (chunk) => {
          const bytes = Buffer.concat([carry, chunk]);
          let at = 0;
          for (; at + size <= bytes.length; at += size) {
            if (bytes.readUInt32LE(at) !== next || bytes[at + size - 1] !== next % 251) wrong++;
            next++;
          }
          carry = bytes.subarray(at);
          atServer.chunks.length = 0;
          if (next < restAt) return;
          restAt = next + 300;
          server.pause();
          setTimeout(() => server.resume(), 1);
        };
        const free: Buffer[] = [];
        const lent: Buffer[] = [];
        for (let i = 0; i < count; i++) {
          const bytes = free.pop() ?? Buffer.alloc(size);
          bytes.fill(i % 251);
          bytes.writeUInt32LE(i, 0);
          const accepted = client.write(bytes);
          lent.push(bytes);
          if (!accepted) await until(() => client.buffered === 0, { what: "an empty buffer" });
          else if (i % 500 === 0) await turns(1);
          if (client.buffered > 0) continue;
          for (const back of lent) back.fill(0xff);
          free.push(...lent.splice(0));
        }
        await atServer.received(size * count);
        expect([next, wrong]).toEqual([count, 0]);
      }, 200_000),
    );

    it(
      "frees a stream at once although its peer never reads",
      test(async (bench) => {
        const { client } = await bench.pair();
        client.start({ data() {}, end() {}, drain() {} });
        for (let i = 0; i < 16; i++) client.write(pattern(mark));
        client.end();
        await turns(20);
        expect(client.destroyed).toBe(false);
        client.destroy();
        expect(await client.closed).toBeUndefined();
        expect(client.buffered).toBe(0);
      }),
    );
  });
}

/** Writes until nothing goes on any more, and says how many bytes that were. */
async function fill(writer: Recorder): Promise<number> {
  const piece = pattern(65_536);
  for (let pieces = 1; pieces < 1_000; pieces++) {
    if (writer.transport.write(piece)) continue;
    const drains = writer.drains;
    for (let i = 0; i < 50 && writer.drains === drains; i++) await turns(1);
    if (writer.drains === drains) return pieces * piece.length;
  }
  throw new Error("The writer was never made to wait");
}
