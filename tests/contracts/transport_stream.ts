import { describe, expect, it } from "vitest";
import { turns } from "../support/until.ts";
import { benchTest, bytesOf, pattern, Recorder, type TransportFixture } from "./transport_kit.ts";

/** How bytes travel, and how either direction is ended. */
export function streamContract(fixture: TransportFixture): void {
  const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

  describe("stream", () => {
    it.each([1, 2, 3, 7, 64, 1_000, 4_096, 65_535, 65_536, 100_000])(
      "carries bytes in order when they are written in pieces of %d",
      (size) =>
        test(async (bench) => {
          const { client, server, atClient, atServer } = await bench.started();
          const message = pattern(Math.min(200_000, size * 3_000) + 1, size);
          for (let at = 0; at < message.length; at += size) {
            client.write(message.subarray(at, at + size));
            server.write(message.subarray(at, at + size));
          }
          await Promise.all([atServer.received(message.length), atClient.received(message.length)]);
          expect(atServer.hex()).toBe(Buffer.from(message).toString("hex"));
          expect(atClient.hex()).toBe(Buffer.from(message).toString("hex"));
        })(),
    );

    it(
      "knows its kind and its addresses, also after the end",
      test(async (bench) => {
        const { client, server, listener } = await bench.pair();
        expect(client.kind).toBe(fixture.kind);
        expect(server.kind).toBe(fixture.kind);
        const place = "path" in listener.address ? listener.address.path : `${listener.address.port}`;
        expect(client.remote).toContain(place);
        expect(server.local).toContain(place);
        const remote = server.remote;
        expect(remote).toBe(client.local);
        server.destroy();
        await server.closed;
        expect(server.remote).toBe(remote);
      }),
    );

    it(
      "carries what was written before the peer's start",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        client.write(bytesOf("early"));
        await turns(20);
        const atServer = new Recorder(server).start();
        await atServer.received(5);
        expect(atServer.text()).toBe("early");
      }),
    );

    it(
      "goes on in one direction when the client ends first",
      test(async (bench) => {
        const { client, server, atClient, atServer } = await bench.started();
        client.write(bytesOf("last words"));
        client.end();
        await atServer.ended();
        expect(atServer.text()).toBe("last words");
        server.write(bytesOf("still here"));
        await atClient.received(10);
        expect([client.destroyed, server.destroyed]).toEqual([false, false]);
        server.end();
        expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
        expect(atClient.ends).toBe(1);
      }),
    );

    it(
      "goes on in one direction when the server ends first",
      test(async (bench) => {
        const { client, server, atClient, atServer } = await bench.started();
        server.write(bytesOf("last words"));
        server.end();
        await atClient.ended();
        expect(atClient.text()).toBe("last words");
        client.write(bytesOf("still here"));
        await atServer.received(10);
        expect([client.destroyed, server.destroyed]).toEqual([false, false]);
        client.end();
        expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
        expect(atServer.ends).toBe(1);
      }),
    );

    it(
      "closes both ends without an error when both end at once",
      test(async (bench) => {
        const { client, server } = await bench.started();
        client.end();
        server.end();
        client.end();
        expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
        expect([client.destroyed, server.destroyed]).toEqual([true, true]);
        expect([client.buffered, server.buffered]).toEqual([0, 0]);
      }),
    );

    it(
      "never calls its handler inside a call of its own",
      test(async (bench) => {
        const { client, atClient } = await bench.pair().then(({ client, server }) => {
          new Recorder(server).start().onData = (chunk) => void server.write(chunk);
          return { client, atClient: new Recorder(client) };
        });
        let inside = false;
        atClient.onData = () => expect(inside).toBe(false);
        inside = true;
        client.start(atClient);
        inside = false;
        for (let i = 0; i < 50; i++) {
          inside = true;
          client.write(bytesOf("x"));
          inside = false;
          await turns(1);
        }
        await atClient.received(50);
      }),
    );

    it(
      "tells what has arrived before the start after that call, not inside it",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        server.write(bytesOf("early"));
        server.end();
        await turns(20);
        const atClient = new Recorder(client).start();
        expect([atClient.bytes, atClient.ends]).toEqual([0, 0]);
        await atClient.ended();
        expect(atClient.text()).toBe("early");
        const silent = await bench.pair();
        silent.server.end();
        await turns(20);
        const atSilent = new Recorder(silent.client).start();
        expect(atSilent.ends).toBe(0);
        await atSilent.ended();
      }),
    );

    it(
      "hands over chunks that are never used again",
      test(async (bench) => {
        const { client, atServer } = await bench.started();
        let expected = "";
        for (let i = 0; i < 200; i++) {
          const bytes = pattern(50, i);
          expected += Buffer.from(bytes).toString("hex");
          client.write(bytes);
          if (i % 10 === 0) await turns(1);
        }
        await atServer.received(10_000);
        expect(atServer.hex()).toBe(expected);
      }),
    );

    it(
      "refuses a second start",
      test(async (bench) => {
        const { client } = await bench.started();
        expect(() => client.start({ data() {}, end() {}, drain() {} })).toThrow(TypeError);
      }),
    );

    for (const event of ["data", "end"] as const) {
      it(
        `ends with the error of a handler that throws at ${event}`,
        test(async (bench) => {
          const { client, server } = await bench.pair();
          const failure = new Error("thrown by the handler");
          const fail = (): never => {
            throw failure;
          };
          server.start({ data() {}, end() {}, drain() {}, [event]: fail });
          const bystander = await bench.pair();
          const atBystander = new Recorder(bystander.server).start();
          client.write(bytesOf("x"));
          client.end();
          expect(await server.closed).toBe(failure);
          bystander.client.write(bytesOf("unharmed"));
          await atBystander.received(8);
        }),
      );
    }
  });
}
