import { describe } from "vitest";
import { systemNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { sweep, type SweepOptions } from "../support/sweep.ts";
import { afterLoad, brokerUnderLoad, load } from "./broker_load.ts";
import { closeServers, endAt, expectEnd, expectTyped, fakeWorld } from "./fakes.ts";
import { connectedAgain, governed, living } from "./lives.ts";
import { programScenario, worker } from "./programs.ts";
import { afterServer, lines, serverUnderLoad } from "./server_load.ts";

leakGate();

/** What is swept step by step in memory, here and there over real sockets. */
const tcp: SweepOptions = { network: systemNetwork, virtual: false, offsets: [0], budget: 20_000 };
const ending: SweepOptions = { ...tcp, resolves: true };

describe("over TCP", () => {
  sweep("a subscription that is redirected", {
    ...fakeWorld({ servers: 2 }),
    act: (world, signal) =>
      governed(world, signal, (subscription) => {
        const moved = connectedAgain(subscription);
        world.servers[0]!.last("sub").redirect(world.servers[1]!);
        return moved;
      }),
    succeeded: (subscription, _world, interrupt) => living(subscription, interrupt),
  }, { ...tcp, every: 3 });

  sweep("goodbye begun here and there in a reconnect", {
    ...fakeWorld({ reconnect: { min: 5, max: 5, jitter: 0 } }),
    act: ({ connection, servers: [server] }, signal, harder) =>
      endAt(connection, signal, harder, () => {
        const back = connectedAgain(connection).catch(() => {});
        for (const { transport } of server!.open) transport.reset();
        return [connection.publish("orders", "waiting"), back];
      }),
    async succeeded(result, { connection }, interrupt) {
      await expectEnd(connection, result, interrupt, ["clean", "failed"]);
      expectTyped(result, interrupt, ["ERR_CLOSED", "ERR_CONNECTION_LOST"]);
    },
    end: ({ servers }) => closeServers(servers),
  }, { ...ending, every: 2, again: 7 });

  sweep("the goodbye of a broker under load", {
    ...brokerUnderLoad(),
    act: (world, signal, harder) => endAt(world.broker, signal, harder, () => load(world)),
  }, { ...ending, every: 7 });

  sweep("the end by force of a broker under load", {
    ...brokerUnderLoad(),
    act: (world, signal, harder) => endAt(world.broker, signal, harder, () => load(world), { grace: 0 }),
    succeeded: (ended, world, interrupt) => afterLoad(ended, world, interrupt, ["forced"]),
  }, { ...ending, every: 11 });

  sweep("the goodbye of a server under load", {
    ...serverUnderLoad(),
    act: (world, signal, harder) => endAt(world.server, signal, harder, () => lines(world)),
  }, { ...ending, every: 3, again: 31 });

  sweep("the end by force of a server under load", {
    ...serverUnderLoad(),
    act: (world, signal, harder) => endAt(world.server, signal, harder, () => lines(world), { grace: 0 }),
    succeeded: (ended, world, interrupt) => afterServer(ended, world, interrupt, ["forced"]),
  }, { ...ending, every: 5 });

  sweep("run, whose process gets signals", programScenario(worker, { by: "signals" }), {
    ...ending,
    every: 9,
    again: 61,
  });
});
