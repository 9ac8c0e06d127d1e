import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { ConnectError } from "../../lib/errors.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import type { Endpoint, GoodbyeOptions } from "../../lib/lifecycle/mod.ts";
import { type ListenAddress, targetText } from "../../lib/net/mod.ts";
import { serve, type ServeOptions } from "../../lib/server/mod.ts";
import { ca } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { fixtures, rejection, type Rig, rigTest } from "../server/kit.ts";

leakGate();

const rounds = 100;

/** Something that listens, and somebody who is connected to it when its end begins. */
interface Listening {
  readonly endpoint: Endpoint & { readonly address: ListenAddress };
  /** Connects; resolves with what frees the connection. */
  connect(rig: Rig): Promise<() => Promise<unknown>>;
}

type Options = Pick<ServeOptions, "network" | "path" | "port" | "tls">;

const kinds: Record<string, (options: Options) => Promise<Listening>> = {
  "server": async (options) => {
    const server = await serve(async (connection) => {
      for await (const chunk of connection.readable) await connection.write(chunk);
    }, options);
    return {
      endpoint: server,
      async connect(rig) {
        const peer = await rig.accepted(server);
        return () => peer.gone();
      },
    };
  },
  "broker": async (options) => {
    const broker = await startBroker(options.path === undefined ? { port: 0, ...options } : options);
    return {
      endpoint: broker,
      async connect({ network }) {
        const tls = options.tls === undefined ? {} : { tls: { ca } };
        const client = await connect(broker.url, { network, reconnect: false, ...tls });
        return () => client.goodbye({ grace: 0 });
      },
    };
  },
};

describe.each(Object.keys(kinds))("I12 the address of a %s", (kind) => {
  const listen = kinds[kind]!;

  it.each(fixtures)(
    `over $kind is free when its goodbye resolves, ${rounds} times in a row, with connections open`,
    (on) =>
      rigTest(on, async (rig) => {
        const first = await listen(rig.options);
        const { address } = first.endpoint;
        const again = "port" in address ? { ...rig.options, port: address.port } : rig.options;
        const leaving: Promise<unknown>[] = [];
        for (let round = 0; round < rounds; round++) {
          const { endpoint, connect } = round === 0 ? first : await listen(again);
          expect(endpoint.address).toEqual(address);
          // Every third is cut: the stream is not waited for, and the address is as free.
          const how: GoodbyeOptions = round % 3 === 2 ? { grace: 0 } : {};
          const free = round % 4 === 0 ? await connect(rig) : undefined;
          const farewell = await endpoint.goodbye(how);
          expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
          if ("path" in address) expect(existsSync(address.path)).toBe(false);
          if (free !== undefined) leaving.push(free());
        }
        await Promise.all(leaving);
      })(),
  );

  it.each(fixtures)(
    "over $kind is its own: another one gets a ConnectError that says so",
    (on) =>
      rigTest(on, async (rig) => {
        const { endpoint, connect } = await listen(rig.options);
        const { address } = endpoint;
        const again = "port" in address ? { ...rig.options, port: address.port } : rig.options;
        const before = rig.network.open();
        const error = await rejection(listen(again)) as ConnectError;
        expect(error).toBeInstanceOf(ConnectError);
        expect(error).toMatchObject({ code: "ERR_CONNECT", address: targetText(address) });
        expect(error.message).toContain(`Cannot listen on ${targetText(address)}: `);
        expect((error.cause as NodeJS.ErrnoException).code).toBe("EADDRINUSE");
        // Over a unix socket it has asked at the path whether anybody is there.
        await until(() => rig.network.open().sockets === before.sockets);
        expect(rig.network.open()).toEqual(before);
        // The first one is none the worse for it.
        const free = await connect(rig);
        const goodbye = endpoint.goodbye();
        await free();
        expect((await goodbye).residue.listeners).toBe(0);
      })(),
  );
});
