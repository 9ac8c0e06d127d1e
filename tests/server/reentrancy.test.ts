import { performance } from "node:perf_hooks";
import { describe, expect, it } from "vitest";
import type { Farewell } from "../../lib/lifecycle/mod.ts";
import type { Server, ServerConnection } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { fixture, rigTest } from "./kit.ts";

leakGate();

function untilDraining({ draining }: ServerConnection): Promise<void> {
  return new Promise((resolve) => draining.addEventListener("abort", () => resolve(), { once: true }));
}

/** Everywhere the end of a server can be asked for from inside of it. */
const sites: Record<
  string,
  (server: () => Server, say: () => unknown) => (connection: ServerConnection) => unknown
> = {
  "its handler": (_server, say) => () => say(),
  "an intake step": (server, say) => (connection) => {
    connection.onPhase("intake", say);
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
  "a drain step": (server, say) => (connection) => {
    connection.onPhase("drain", say);
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
  "a goodbye step": (server, say) => (connection) => {
    connection.onPhase("goodbye", say);
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
  "a release step": (server, say) => (connection) => {
    connection.onPhase("release", say);
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
  "a release hook": (server, say) => (connection) => {
    server().onRelease("says goodbye", say);
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
  "a listener of its draining signal": (server, say) => (connection) => {
    server().draining.addEventListener("abort", () => void say());
    queueMicrotask(() => void server().goodbye());
    return untilDraining(connection);
  },
};

describe.each(Object.keys(sites))("goodbye from %s", (site) => {
  it.each([false, true])("ends the server in time (awaited: %s)", async (awaited) => {
    await rigTest(fixture.memory, async (rig) => {
      const server: Server = await rig.serve(
        sites[site]!(() => server, () => {
          const goodbye = server.goodbye();
          return awaited ? goodbye : undefined;
        }),
        { grace: 200 },
      );
      const start = performance.now();
      void rig.connect(server);
      // What is awaited inside itself is cut at its budget; the default tail gives a release hook 5 s.
      const farewell = await Promise.race([
        server.closed,
        until(() => server.state === "releasing" && site.startsWith("a release"), { timeout: 4_000 })
          .then(() => turns(2)).then(() => server.goodbye({ grace: 0, tail: 100 })),
      ]);
      expect(performance.now() - start).toBeLessThan(1_500);
      expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
      if (!awaited) expect(farewell.outcome).toBe("clean");
    })();
  });
});

describe("the end of a server", () => {
  it(
    "is one for all who ask for it, in whatever phase",
    rigTest(fixture.tcp, async (rig) => {
      const asked: Promise<Farewell>[] = [];
      const server = await rig.serve((connection) => {
        for (const phase of ["intake", "drain", "goodbye", "release"] as const) {
          connection.onPhase(phase, () => void asked.push(server.goodbye()));
        }
        return untilDraining(connection);
      });
      server.onRelease("asks", () => void asked.push(server.goodbye()));
      await rig.accepted(server);
      let settled = 0;
      for (let i = 0; i < 10; i++) asked.push(server.goodbye());
      const disposals = [server[Symbol.asyncDispose](), server[Symbol.asyncDispose]()];
      for (const one of [...asked, ...disposals]) {
        void one.then(() => {
          settled++;
          expect(server.state).toBe("closed");
        });
      }
      const farewell = await server.closed;
      await Promise.all(disposals);
      expect(asked).toHaveLength(15);
      for (const one of asked) expect(await one).toBe(farewell);
      expect(settled).toBe(12);
      expect(await server.goodbye()).toBe(farewell);
    }),
  );

  it(
    "goes on when its caller has gone",
    rigTest(fixture.tcp, async (rig) => {
      const server = await rig.serve(untilDraining);
      await rig.accepted(server);
      const abandoned = (async () => {
        void server.goodbye();
        await Promise.reject(new Error("the caller"));
      })();
      await expect(abandoned).rejects.toThrow("the caller");
      expect((await server.closed).outcome).toBe("clean");
    }),
  );

  it(
    "rejects only options of a wrong type, and changes nothing then",
    rigTest(fixture.memory, async (rig) => {
      const server = await rig.serve(untilDraining);
      await expect(server.goodbye({ grace: -1 })).rejects.toBeInstanceOf(RangeError);
      await expect(server.goodbye({ signal: {} as AbortSignal })).rejects.toBeInstanceOf(TypeError);
      expect(server.state).toBe("open");
    }),
  );
});
