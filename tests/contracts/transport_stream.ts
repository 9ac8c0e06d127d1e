import { describe, expect, it } from "vitest";
import { turns, until } from "../support/until.ts";
import { benchTest, bytesOf, pattern, Recorder, type TransportFixture } from "./transport_kit.ts";

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

    it("knows its kind and its addresses, also after the end", test(async (bench) => {
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
    }));

    it("carries what was written before the peer's start", test(async (bench) => {
      const { client, server } = await bench.pair();
      client.write(bytesOf("early"));
      await turns(20);
      const atServer = new Recorder(server).start();
      await atServer.received(5);
      expect(atServer.text()).toBe("early");
    }));

    it("goes on in one direction when the client ends first", test(async (bench) => {
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
    }));

    it("goes on in one direction when the server ends first", test(async (bench) => {
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
    }));

    it("closes both ends without an error when both end at once", test(async (bench) => {
      const { client, server } = await bench.started();
      client.end();
      server.end();
      client.end();
      expect(await Promise.all([client.closed, server.closed])).toEqual([undefined, undefined]);
      expect([client.destroyed, server.destroyed]).toEqual([true, true]);
      expect([client.buffered, server.buffered]).toEqual([0, 0]);
    }));

    it("never calls its handler inside a call of its own", test(async (bench) => {
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
    }));

    it("tells what has arrived before the start after that call, not inside it", test(async (bench) => {
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
    }));

    it("hands over chunks that are never used again", test(async (bench) => {
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
    }));

    it("refuses a second start", test(async (bench) => {
      const { client } = await bench.started();
      expect(() => client.start({ data() {}, end() {}, drain() {} })).toThrow(TypeError);
    }));

    it("ends with the error of a handler that throws", test(async (bench) => {
      const { client, server } = await bench.pair();
      const failure = new Error("thrown by the handler");
      server.start({
        data() {
          throw failure;
        },
        end() {},
        drain() {},
      });
      const bystander = await bench.pair();
      const atBystander = new Recorder(bystander.server).start();
      client.write(bytesOf("x"));
      expect(await server.closed).toBe(failure);
      bystander.client.write(bytesOf("unharmed"));
      await atBystander.received(8);
    }));
  });

  describe("end of a stream", () => {
    it("is a value when the peer resets it", test(async (bench) => {
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
    }));

    it("is a value when the peer has reset it before the start", test(async (bench) => {
      const { client, server } = await bench.pair();
      client.reset();
      await client.closed;
      await turns(10);
      const atServer = new Recorder(server).start();
      await until(() => atServer.ends > 0 || atServer.closed, { what: "the server to notice" });
      if (fixture.resets) expect(await server.closed).toMatchObject({ code: "ECONNRESET" });
    }));

    it("is a value when it is written to a peer that is gone", test(async (bench) => {
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
    }));

    it("frees the stream at once on destroy, any number of times, and keeps the first error", test(async (bench) => {
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
    }));

    it("keeps a destroy without an error free of the errors that follow", test(async (bench) => {
      const { client, server } = await bench.started();
      client.write(pattern(1_000_000));
      client.destroy();
      server.reset();
      client.destroy(new Error("too late"));
      expect(await client.closed).toBeUndefined();
    }));

    it("ignores write and end afterwards", test(async (bench) => {
      const { client, server, atServer } = await bench.started();
      client.write(bytesOf("all"));
      client.end();
      expect(client.write(bytesOf("more"))).toBe(true);
      await atServer.ended();
      expect(atServer.text()).toBe("all");
      server.end();
      expect(await client.closed).toBeUndefined();
    }));

    it("ignores everything after a destroy", test(async (bench) => {
      const { server } = await bench.started();
      server.destroy();
      expect(server.write(bytesOf("more"))).toBe(true);
      server.end();
      server.pause();
      server.resume();
      await server.closed;
      expect(server.write(bytesOf("more"))).toBe(true);
      server.end();
    }));

    it("that a handler brings about is the last it hears of", test(async (bench) => {
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
    }));

    it("may come before the start, and then nothing is told", test(async (bench) => {
      const { client, server } = await bench.pair();
      server.destroy();
      const atServer = new Recorder(server).start();
      client.write(bytesOf("x"));
      expect(await server.closed).toBeUndefined();
      await turns(10);
      expect([atServer.bytes, atServer.ends, atServer.drains]).toEqual([0, 0, 0]);
    }));

    it("tells nothing after closed, whichever way it came", test(async (bench) => {
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
    }));

    it("lets a peer read the goodbye although it has sent what nobody read", test(async (bench) => {
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
    }));
  });
}
