import { describe, expect, it } from "vitest";
import { turns, until } from "../support/until.ts";
import { benchTest, bytesOf, pattern, Recorder, type TransportFixture } from "./transport_kit.ts";

/** How a stream ends, and what its two ends hear of it. */
export function endContract(fixture: TransportFixture): void {
  const test = (body: Parameters<typeof benchTest>[1]) => benchTest(fixture, body);

  describe("end of a stream", () => {
    it(
      "is a value when the peer resets it",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        client.reset();
        client.reset();
        expect(client.destroyed).toBe(true);
        expect(await client.closed).toBeUndefined();
        if (!fixture.resets) {
          await until(() => atServer.ends > 0 || atServer.closed, { what: "the server to notice" });
          return;
        }
        expect(await server.closed).toMatchObject({ code: "ECONNRESET" });
        expect(server.destroyed).toBe(true);
      }),
    );

    it(
      "is a value when the peer has reset it before the start",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        client.reset();
        await client.closed;
        await turns(10);
        const atServer = new Recorder(server).start();
        await until(() => atServer.ends > 0 || atServer.closed, { what: "the server to notice" });
        if (fixture.resets) expect(await server.closed).toMatchObject({ code: "ECONNRESET" });
      }),
    );

    it(
      "is a value when it is written to a peer that is gone",
      test(async (bench) => {
        const { client, server } = await bench.started();
        server.destroy();
        await server.closed;
        let error: Error | undefined | "open" = "open";
        void client.closed.then((value) => error = value);
        await until(async () => {
          client.write(bytesOf("anyone there?"));
          await turns(1);
          return error !== "open";
        }, { what: "the client to notice" });
        expect(error).toBeInstanceOf(Error);
      }),
    );

    it(
      "frees the stream at once on destroy, any number of times, and keeps the first error",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        const first = new Error("first");
        client.destroy(first);
        expect(client.destroyed).toBe(true);
        client.destroy(new Error("second"));
        client.destroy();
        client.reset();
        expect(await client.closed).toBe(first);
        client.destroy(new Error("third"));
        expect(await client.closed).toBe(first);
        await until(() => atServer.ends > 0 || atServer.closed, { what: "the server to notice" });
        server.destroy();
        // Undefined, or a reset where the client held bytes it had not read (the session tickets of TLS 1.3).
        if (fixture.kind !== "tls") expect(await server.closed).toBeUndefined();
      }),
    );

    it(
      "keeps a destroy without an error free of the errors that follow",
      test(async (bench) => {
        const { client, server } = await bench.started();
        client.write(pattern(1_000_000));
        client.destroy();
        server.reset();
        client.destroy(new Error("too late"));
        expect(await client.closed).toBeUndefined();
      }),
    );

    it(
      "ignores write and end afterwards",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        client.write(bytesOf("all"));
        client.end();
        expect(client.write(bytesOf("more"))).toBe(true);
        await atServer.ended();
        expect(atServer.text()).toBe("all");
        server.end();
        expect(await client.closed).toBeUndefined();
      }),
    );

    it(
      "ignores everything after a destroy",
      test(async (bench) => {
        const { server } = await bench.started();
        server.destroy();
        expect(server.write(bytesOf("more"))).toBe(true);
        server.end();
        server.pause();
        server.resume();
        await server.closed;
        expect(server.write(bytesOf("more"))).toBe(true);
        server.end();
      }),
    );

    it(
      "that a handler brings about is the last it hears of",
      test(async (bench) => {
        const { client, server, atServer } = await bench.started();
        server.pause();
        client.write(pattern(200_000));
        client.end();
        await turns(20);
        atServer.onData = () => server.destroy();
        const told = atServer.chunks.length;
        server.resume();
        await server.closed;
        await turns(5);
        expect([atServer.chunks.length - told, atServer.ends]).toEqual([1, 0]);
      }),
    );

    it(
      "may come before the start, and then nothing is told",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        server.destroy();
        const atServer = new Recorder(server).start();
        client.write(bytesOf("x"));
        expect(await server.closed).toBeUndefined();
        await turns(10);
        expect([atServer.bytes, atServer.ends, atServer.drains]).toEqual([0, 0, 0]);
      }),
    );

    it(
      "tells nothing after closed, whichever way it came",
      test(async (bench) => {
        const recorders: Recorder[] = [];
        for (const way of ["destroy", "reset", "end", "inside"] as const) {
          const { client, server, atClient, atServer } = await bench.started();
          recorders.push(atClient, atServer);
          server.write(pattern(300_000));
          client.write(pattern(300_000));
          if (way === "inside") {
            await new Promise<void>((resolve) => {
              atServer.onData = () => {
                server.destroy();
                resolve();
              };
            });
          } else if (way === "end") {
            client.end();
            server.end();
          } else {
            await turns(1);
            client[way]();
          }
          if (way !== "end") {
            await Promise.race([client.closed, server.closed]);
            client.destroy();
            server.destroy();
          }
          await Promise.all([client.closed, server.closed]);
        }
        await turns(10);
        expect(recorders.map((recorder) => recorder.late)).toEqual(recorders.map(() => 0));
      }),
    );

    it(
      "lets a peer read the goodbye although it has sent what nobody read",
      test(async (bench) => {
        const { client, server } = await bench.pair();
        client.write(pattern(512 * 1024));
        await turns(5);
        server.write(bytesOf("goodbye"));
        server.end();
        server.start({ data() {}, end() {}, drain() {} });
        const atClient = new Recorder(client).start();
        await atClient.ended();
        expect(atClient.text()).toBe("goodbye");
        client.end();
        expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
      }),
    );
  });
}
