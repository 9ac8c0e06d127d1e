import { expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import { memoryNetwork } from "../../lib/net/mod.ts";
import { createPool } from "../../lib/pool/mod.ts";
import { startFakeServer } from "../support/fake_server.ts";
import { leakGate } from "../support/leak.ts";
import { turns, until } from "../support/until.ts";
import { rejection } from "./kit.ts";

const gate = leakGate();

it("keeps members that move to another server by themselves, and hands them out while they do", async () => {
  const network = gate.watch(memoryNetwork());
  const [first, second] = [await startBroker({ port: 0, network }), await startBroker({ port: 0, network })];
  const pool = createPool({
    open: (signal) => connect([first.url, second.url], { network, signal }),
    min: 2,
    max: 2,
  });
  let [worked, over] = [0, false];
  const workers = Array.from({ length: 4 }, async () => {
    while (!over) {
      const lease = await pool.acquire();
      await lease.value.publish("orders", "7");
      await lease.release();
      worked++;
      await turns(1);
    }
  });
  await until(() => worked > 20);
  const leaving = first.goodbye();
  await until(() => worked > 200);
  await leaving;
  await until(() => worked > 300);
  over = true;
  await Promise.all(workers);
  expect(pool.inspect().counters).toMatchObject({ opened: 2, unanswered: 0, closed: 0 });
  expect(second.inspect().sessions).toHaveLength(2);
  expect((await pool.goodbye()).outcome).toBe("clean");
  await second.goodbye();
});

it("finds a member whose server answers heartbeats and nothing else, when it is asked for work", async () => {
  const network = gate.watch(memoryNetwork());
  const server = await startFakeServer({ network });
  const open = (signal: AbortSignal): Promise<EventMeshConnection> =>
    connect(server.url, { network, signal });
  const trusting = createPool({ open, min: 1, max: 1 });
  const strict = createPool({
    open,
    min: 1,
    max: 1,
    probeTimeout: 20,
    probe: (member, signal) => member.publish("health", "", { signal }),
  });
  for (const pool of [trusting, strict]) await (await pool.acquire()).release();
  server.hold("ASYNC_MESSAGE_TO_SERVER");
  const lease = await trusting.acquire();
  expect(await rejection(strict.acquire({ timeout: 200 }))).toMatchObject({ code: "ERR_TIMEOUT" });
  expect(strict.inspect().counters.unanswered).toBeGreaterThan(0);
  // Who finds out says so, and nobody else gets it.
  const swallowed = lease.value;
  const error = await rejection(swallowed.publish("orders", "7", { timeout: 20 }));
  await lease.discard(error);
  server.release("ASYNC_MESSAGE_TO_SERVER");
  const next = await trusting.acquire();
  expect(next.value).not.toBe(swallowed);
  await next.value.publish("orders", "7");
  await next.release();
  await Promise.all([trusting, strict].map((pool) => pool.goodbye({ grace: 0 })));
  await server.close();
});
