import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { createScope, type Endpoint, formatFarewell } from "../../lib/lifecycle/mod.ts";
import { type ListenAddress, systemNetwork } from "../../lib/net/mod.ts";
import { type ConnectionHandler, serve, type ServeOptions } from "../../lib/server/mod.ts";
import { steps } from "../contracts/transport_dial.ts";
import { leakGate } from "../support/leak.ts";
import { abortReasons, countedAbort } from "../support/signals.ts";
import { until } from "../support/until.ts";
import { fixture, fixtures, Peer, rejection, rigTest } from "../server/kit.ts";
import { raw } from "./i15_places.ts";

const gate = leakGate();
const nothing = { sockets: 0, timers: 0, listeners: 0 };
const reasonAt = (tick: number): unknown => abortReasons[tick % abortReasons.length]!();

type Options = Pick<ServeOptions, "network" | "path" | "port" | "signal" | "tls">;
type Start = (options: Options) => Promise<Endpoint & { readonly address: ListenAddress }>;

const echo: ConnectionHandler = async (connection) => {
  for await (const chunk of connection.readable) await connection.write(chunk);
};

const starts: Record<string, Start> = {
  "serve": (options) => serve(echo, options),
  "startBroker": (options) => startBroker(options.path === undefined ? { port: 0, ...options } : options),
};

describe.each(Object.keys(starts))("I15 %s", (name) => {
  const start = starts[name]!;

  it.each(fixtures)(
    "over $kind is made or nothing, at whatever tick it is aborted, or its scope ends",
    (on) =>
      rigTest(on, async (rig) => {
        let address: ListenAddress | undefined;
        let [made, refused] = [0, 0];
        for (let tick = 0; tick < 24; tick++) {
          const [abort, scope] = [countedAbort(), createScope()];
          const signal = tick % 2 === 0 ? abort.signal : scope.draining;
          const again = address !== undefined && "port" in address ? { port: address.port } : {};
          const starting = start({ ...rig.options, ...again, signal }).then(
            (server) => ({ server }),
            (error: unknown) => {
              expect(rig.network.open()).toEqual(nothing);
              return { error };
            },
          );
          await steps(tick);
          const reason = reasonAt(tick);
          abort.abort(reason);
          await scope.goodbye({ reason });
          const outcome = await starting;
          if ("server" in outcome) {
            made++;
            address = outcome.server.address;
            const farewell = await outcome.server.closed;
            expect(farewell).toMatchObject({ outcome: "clean", cause: "aborted", residue: nothing });
            expect(Object.is(farewell.reason, signal.reason)).toBe(true);
          } else {
            refused++;
            expect(Object.is(outcome.error, signal.reason)).toBe(true);
          }
          expect(rig.network.open()).toEqual(nothing);
          await until(() => abort.listeners() === 0, { what: "no listeners on the signal" });
        }
        expect([made > 0, refused > 0]).toEqual([true, true]);
      })(),
  );

  it.each(fixtures)(
    "over $kind says goodbye at whatever tick after it listens, with peers on their way",
    (on) =>
      rigTest(on, async (rig) => {
        for (let tick = 0; tick < 20; tick++) {
          const server = await start(rig.options);
          const target = on.target(server.address);
          const dials = Array.from({ length: 5 }, () =>
            rig.network.dial(target, {}).then(
              (transport) => void rig.peers.push(new Peer(transport)),
              () => {},
            ));
          await steps(tick);
          const farewell = await server.goodbye({ grace: 2_000 });
          expect(farewell.residue, formatFarewell(farewell)).toEqual(nothing);
          await Promise.all(dials);
          const { opened, clean, forced, lost } = farewell.connections;
          expect(opened, formatFarewell(farewell)).toBe(clean + forced + lost);
          expect(opened).toBeLessThanOrEqual(5);
          // Whoever got in, and whoever only thought so, is told.
          for (const peer of rig.peers.splice(0)) await peer.gone();
        }
      })(),
  );
});

describe("I15 a start after the end", () => {
  it("is refused with the reason of the scope that has ended, and opens nothing", async () => {
    const network = gate.watch(systemNetwork());
    for (const makeReason of abortReasons) {
      const scope = createScope();
      await scope.goodbye({ reason: makeReason() });
      const { draining: signal } = scope;
      const late = [
        serve(() => {}, { network, signal }),
        startBroker({ port: 0, network, signal }),
        connect("eventmesh://127.0.0.1:1", { network, signal }),
        network.listen({ host: "127.0.0.1", port: 0 }, {
          connection() {},
          handshakeError() {},
          acceptError() {},
        }, {
          signal,
        }),
      ];
      for (const start of late) expect(Object.is(await rejection(start), signal.reason)).toBe(true);
      expect(network.open()).toEqual(nothing);
    }
  });
});

describe("I15 the goodbye of a TLS server", () => {
  /** How far a peer gets with its handshake before it falls silent. */
  const beginnings = {
    "nothing": "",
    "a byte": "\x16",
    "half a record": "\x16\x03\x01\x02\x00\x01\x00",
  };

  it.each(Object.entries(beginnings))(
    "cuts handshakes of which there is %s, and waits for none of them",
    (_name, words) =>
      rigTest(fixture.tls, async (rig) => {
        const server = await rig.serve(echo);
        const { port } = server.address as { port: number };
        const stalled = Array.from({ length: 5 }, () => raw(port, words));
        const peer = await rig.accepted(server);
        await until(() => rig.network.open().sockets >= 7, { what: "all of them to be accepted" });
        // The handshakes alone would have 10 s.
        const farewell = await server.goodbye({ grace: 1_000 });
        expect(farewell.phases[1]).toMatchObject({ phase: "intake", ended: "done" });
        expect(farewell.connections).toMatchObject({ opened: 1 });
        expect(farewell.residue).toEqual(nothing);
        for (const { gone } of stalled) await gone;
        peer.transport.destroy();
      })(),
  );

  it("cuts them at whatever tick of a handshake it comes", () =>
    rigTest(fixture.tls, async (rig) => {
      const seen = new Set<number>();
      for (let tick = 0; tick < 40; tick++) {
        const server = await rig.serve(echo);
        const target = fixture.tls.target(server.address);
        const dialled = rig.network.dial(target, {}).then(
          (transport) => new Peer(transport),
          () => undefined,
        );
        await steps(tick);
        const farewell = await server.goodbye({ grace: 2_000 });
        seen.add(farewell.connections.opened);
        expect(farewell.residue).toEqual(nothing);
        await (await dialled)?.gone();
      }
      expect(seen).toContain(0);
    })());
});
