import { describe, expect, it } from "vitest";
import { ClosedError, ConnectionLostError } from "../../lib/errors.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { bytesOf, fixture, fixtures, rejection, rigTest, textOf } from "./kit.ts";
import { pair } from "./pair.ts";

leakGate();

describe.each(fixtures)("a connection over $kind", (on) => {
  it(
    "reads what came before its end began, and then ends",
    rigTest(on, async (rig) => {
      const { connection, peer } = await pair(rig);
      peer.send("one");
      await until(() => rig.servers[0]!.inspect().connections[0]!.bytesIn === 3);
      void connection.goodbye();
      peer.send("two");
      let text = "";
      for await (const chunk of connection.readable) text += textOf(chunk);
      expect(text).toBe("one");
      expect((await connection.closed).outcome).toBe("clean");
      for await (const _ of connection.readable) expect.unreachable();
    }),
  );

  it(
    "pushes its bytes to a handler that has started the transport, early ones first",
    rigTest(on, async (rig) => {
      const seen: string[] = [];
      const { connection, peer } = await pair(rig, ({ closed }) => closed);
      peer.send("early");
      await until(() => rig.servers[0]!.inspect().connections[0]!.bytesIn === 5);
      connection.transport.start({
        data: (chunk) => void seen.push(textOf(chunk)),
        end: () => {
          seen.push("end");
          void connection.goodbye();
        },
        drain() {},
      });
      peer.send(" and late");
      peer.transport.end();
      await connection.closed;
      expect(seen.join("")).toBe("early and lateend");
      expect(seen[0]).toBe("early");
      expect(await connection.closed).toMatchObject({ outcome: "clean", cause: "goodbye" });
    }),
  );

  it(
    "still pushes bytes while its goodbye step waits for an answer",
    rigTest(on, async (rig) => {
      const seen: string[] = [];
      const { connection, peer } = await pair(rig, ({ closed, transport }) => {
        transport.start({ data: (chunk) => void seen.push(textOf(chunk)), end() {}, drain() {} });
        return closed;
      });
      connection.onPhase("goodbye", async () => {
        connection.transport.write(bytesOf("goodbye?"));
        await until(() => seen.includes("goodbye!"));
      });
      const end = connection.goodbye();
      await peer.received("goodbye?");
      peer.send("goodbye!");
      expect((await end).outcome).toBe("clean");
      expect(connection.state).toBe("closed");
    }),
  );
});

describe("a connection", () => {
  it(
    "has an identity and addresses",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      expect(connection.id).toBe(1);
      expect(connection.remote).toBe(peer.transport.local);
      expect(connection.local).toBe(peer.transport.remote);
      expect(connection.transport.kind).toBe("tcp");
      expect(connection.state).toBe("open");
    }),
  );

  it(
    "goes on reading in a second loop where the first one was left",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      for (const text of ["a", "b", "c"]) {
        peer.send(text);
        for await (const chunk of connection.readable) {
          expect(textOf(chunk)).toBe(text);
          break;
        }
      }
    }),
  );

  it(
    "gives up a pending read when its iterator returns",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      const iterator = connection.readable[Symbol.asyncIterator]();
      const pending = iterator.next();
      expect(await iterator.return!()).toEqual({ done: true, value: undefined });
      expect(await pending).toEqual({ done: true, value: undefined });
      expect(await iterator.next()).toEqual({ done: true, value: undefined });
      peer.send("x");
      for await (const chunk of connection.readable) {
        expect(textOf(chunk)).toBe("x");
        break;
      }
    }),
  );

  it(
    "has one reader at a time, and either a reader or a started transport",
    rigTest(fixture.tcp, async (rig) => {
      const { connection } = await pair(rig);
      const one = connection.readable[Symbol.asyncIterator]();
      const other = connection.readable[Symbol.asyncIterator]();
      const pending = one.next();
      expect(await rejection(other.next())).toBeInstanceOf(TypeError);
      expect(() => connection.transport.start({ data() {}, end() {}, drain() {} })).toThrow(TypeError);
      await one.return!();
      await pending;
      const second = await pair(rig);
      second.connection.transport.start({ data() {}, end() {}, drain() {} });
      expect(() => second.connection.readable[Symbol.asyncIterator]()).toThrow(TypeError);
      expect(() => second.connection.transport.start({ data() {}, end() {}, drain() {} })).toThrow(TypeError);
      void second.connection.goodbye({ grace: 0 });
    }),
  );

  it(
    "throws for every reader when it is lost, an error each, with one cause",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      const pending = rejection(connection.readable[Symbol.asyncIterator]().next());
      peer.transport.reset();
      const first = await pending as ConnectionLostError;
      const second = await rejection(
        connection.readable[Symbol.asyncIterator]().next(),
      ) as ConnectionLostError;
      expect(first).toBeInstanceOf(ConnectionLostError);
      expect(second).toBeInstanceOf(ConnectionLostError);
      expect(second).not.toBe(first);
      expect(second.cause).toBe(first.cause);
      const farewell = await connection.closed;
      expect(farewell).toMatchObject({ cause: "lost", outcome: "failed" });
      expect(farewell.reason).toBe(first.cause);
      expect(connection.signal.reason).toBe(first.cause);
    }),
  );

  it(
    "lets its writer change the bytes at once",
    rigTest(fixture.tcp, async (rig) => {
      const { connection, peer } = await pair(rig);
      const bytes = new Uint8Array(100);
      let expected = "";
      peer.transport.pause();
      // The kernel takes no more after that: what follows stays in this process for a while.
      void connection.write(new Uint8Array(16 * 1_048_576));
      for (let i = 0; i < 200; i++) {
        bytes.fill(65 + i % 26);
        expected += textOf(bytes);
        void connection.write(bytes);
      }
      bytes.fill(0);
      let tail = "";
      peer.onData = (chunk) => {
        const before = Math.max(0, 16 * 1_048_576 - (peer.bytes - chunk.byteLength));
        tail += textOf(chunk.subarray(before));
      };
      peer.transport.resume();
      await until(() => peer.bytes === 16 * 1_048_576 + 20_000);
      expect(tail).toBe(expected);
    }),
  );

  it(
    "stops waiting to write with the reason of the signal, at once when it has aborted",
    rigTest(
      fixture.tcp,
      async (rig) => {
        const { connection, peer } = await pair(rig);
        expect(await rejection(connection.write(bytesOf("never"), { signal: AbortSignal.abort(null) })))
          .toBeNull();
        peer.transport.pause();
        for (const reason of [undefined, 0, { an: "object" }]) {
          const controller = new AbortController();
          const waiting = rejection(
            connection.write(new Uint8Array(8 * 1_048_576), { signal: controller.signal }),
          );
          await turns(2);
          controller.abort(reason);
          expect(await waiting).toBe(controller.signal.reason);
        }
        peer.transport.resume();
        await until(() => peer.bytes === 3 * 8 * 1_048_576, { what: "the bytes that were on their way" });
        expect(peer.text).toBe("");
      },
    ),
  );

  it(
    "refuses to write what is no bytes, and anything after its end",
    rigTest(fixture.tcp, async (rig) => {
      const { connection } = await pair(rig);
      expect(await rejection(connection.write("text" as unknown as Uint8Array))).toEqual(
        new TypeError("Cannot write to the connection: expected bytes, got string"),
      );
      await connection.goodbye();
      const error = await rejection(connection.write(bytesOf("late"))) as ClosedError;
      expect(error).toBeInstanceOf(ClosedError);
      expect(error.message).toMatch(/^Cannot write: the connection 1 from \S+ is closed$/);
      expect(error).toMatchObject({ state: "closed", outcome: "not-sent" });
    }),
  );
});
