import { differs } from "../support/env.ts";

/** What every program begins with. `farewell` notes that there is nothing left to do. */
export const prelude: string = `
  import { startBroker } from "gracewire/broker";
  import { connect } from "gracewire/eventmesh";
  import { createScope } from "gracewire/lifecycle";
  import { systemNetwork } from "gracewire/net";
  import { createPool } from "gracewire/pool";
  import { run } from "gracewire/process";
  import { serve } from "gracewire/server";
  import { ca, cert, key } from "./support/certificate.ts";
  import { startFakeNats } from "./nats/server.ts";
  import { until } from "./support/until.ts";
  import process from "node:process";
  const say = (text) => console.log(text);
  // Bun lists nothing.
  const resources = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|UDP|Pipe|Timeout|AddrInfo/.test(kind)).sort().join();
  const listeners = () => process.eventNames().map((name) => String(name) + process.listenerCount(name)).sort().join();
  process.on("unhandledRejection", (error) => say("unhandled: " + error));
  let since = 0;
  process.on("exit", () => say("exit after " + (performance.now() - since).toFixed(1)));
  say("");
  const before = [resources(), listeners()];
  const farewell = async (...endpoints) => {
    for (const endpoint of endpoints) {
      const { name, outcome, residue } = await endpoint;
      say([name, outcome, Object.values(residue)].join(" "));
    }
    since = performance.now();
    // The descriptors are gone by now; the runtimes strike them off their list when the turn is over.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
    const after = [resources(), listeners()];
    if (after.join() !== before.join()) say("left: " + JSON.stringify({ before, after }));
  };
  const dial = async (network, server, more) => {
    const peer = await network.dial({ ...server.address, ...more }, {});
    peer.start({ data: (chunk) => say(new TextDecoder().decode(chunk)), end: () => peer.end(), drain() {} });
    return peer;
  };
  const echo = async (connection) => {
    for await (const chunk of connection.readable) await connection.write(chunk);
  };
  const traffic = async (url, options) => {
    const connection = await connect(url, options);
    const orders = await connection.subscribe("orders");
    const questions = await connection.subscribe("questions", { type: "sync" });
    void questions.consume((message) => "reply to " + message.text());
    await connection.publish("orders", "hello");
    say((await connection.request("questions", "why")).text());
    return { connection, orders };
  };
`;

/** A NATS server, and `connectNats`: its client. The second of two ends the server behind it. */
const natsServer = `
  const { connect: connectNats } = await import("gracewire/nats");
  const server = await startFakeNats({ network: systemNetwork() });
  const gone = async (farewell) => {
    const told = await farewell;
    await server.close();
    return told;
  };
`;

/** A server of each kind that has had a peer, and what it says. */
const served = (options: string, more: string): string => `
  const network = systemNetwork();
  const server = await serve(echo, { network, ${options} });
  const peer = await dial(network, server, ${more});
  peer.write(new TextEncoder().encode("echo"));
  await until(() => server.inspect().connections[0]?.bytesOut === 4, { timeout: 20_000 });
  await farewell(server.goodbye());
  await peer.closed;
`;

/** Programs that use something and end it, and what each must say. */
export const programs: Readonly<Record<string, readonly [body: string, ...lines: string[]]>> = {
  "a client and a broker": [
    `const broker = await startBroker({ port: 0 });
     const { connection } = await traffic(broker.url);
     await farewell(connection.goodbye(), broker.goodbye());`,
    "reply to why",
    "eventmesh connection clean 0,0,0",
    "broker clean 0,0,0",
  ],
  "a client and a broker over TLS": [
    `const broker = await startBroker({ port: 0, tls: { cert, key } });
     const { connection } = await traffic(broker.url, { tls: { ca } });
     await farewell(connection.goodbye(), broker.goodbye());`,
    "reply to why",
    "eventmesh connection clean 0,0,0",
    "broker clean 0,0,0",
  ],
  "a subscription that was left with break, and its connection": [
    `const broker = await startBroker({ port: 0 });
     const { connection, orders } = await traffic(broker.url);
     for await (const message of orders) {
       message.ack();
       break;
     }
     await farewell(orders.goodbye(), connection.goodbye(), broker.goodbye());`,
    "reply to why",
    'subscription to "orders" clean 0,0,0',
    "eventmesh connection clean 0,0,0",
    "broker clean 0,0,0",
  ],
  "a broker that goes first, and a client that is cut": [
    `const broker = await startBroker({ port: 0 });
     const { connection } = await traffic(broker.url);
     const ends = [broker.goodbye(), connection.goodbye({ grace: 0 })];
     await farewell(...ends.map((end) => end.then((one) => ({ ...one, outcome: "ended" }))));`,
    "reply to why",
    "broker ended 0,0,0",
    "eventmesh connection ended 0,0,0",
  ],
  "a server over TCP": [served("", "{}"), "echo", "server clean 0,0,0"],
  "a server over TLS": [served("tls: { cert, key }", "{ tls: { ca } }"), "echo", "server clean 0,0,0"],
  ...(differs.lacksUnixSockets ? {} : {
    "a server over a unix socket": [
      served('path: process.cwd() + "/" + process.pid + ".sock"', "{}"),
      "echo",
      "server clean 0,0,0",
    ],
  }),
  "a scope in a finally, after a throw": [
    `const scope = createScope();
     try {
       const broker = scope.use(await startBroker({ port: 0 }));
       await scope.use(await connect(broker.url)).publish("orders", "hello");
       throw new Error("in the middle of it");
     } catch (error) {
       say(error.message);
     } finally {
       await farewell(scope.goodbye());
     }`,
    "in the middle of it",
    "scope clean 0,0,0",
  ],
  "run()": [
    `let ended;
     await run(async (scope) => {
       ended = scope.closed;
       const broker = scope.use(await startBroker({ port: 0, signal: scope.draining }));
       await traffic(broker.url).then(({ connection }) => scope.use(connection));
     });
     await farewell(ended);`,
    "reply to why",
    "main clean 0,0,0",
  ],
  "a client and a server of NATS": [
    `${natsServer}
     const connection = await connectNats(server.url);
     const orders = await connection.subscribe("orders");
     const questions = await connection.subscribe("questions", { overflow: "drop-oldest" });
     void questions.consume((message) => "reply to " + message.text());
     await connection.publish("orders", "hello");
     say((await connection.request("questions", "why")).text());
     for await (const message of orders) break;
     await farewell(orders.goodbye(), gone(connection.goodbye()));`,
    "reply to why",
    'subscription to "orders" clean 0,0,0',
    "nats connection clean 0,0,0",
  ],
  "a client of NATS that is cut, and operations of it that are aborted": [
    `${natsServer}
     const connection = await connectNats(server.url);
     await connection.subscribe("orders");
     const abort = new AbortController();
     const { signal } = abort;
     const operations = [
       connectNats(server.url, { signal }),
       connection.subscribe("orders", { signal }),
       connection.request("nobody", "why", { signal }),
       connection.publish("orders", "x", { signal }),
       (async () => { for await (const _ of connection.requestMany("nobody", "why", { signal })) continue; })(),
     ];
     abort.abort("enough");
     say((await Promise.allSettled(operations)).map(({ reason }) => reason).join());
     await farewell(gone(connection.goodbye({ grace: 0 })));`,
    "enough,enough,enough,enough,enough",
    "nats connection forced 0,0,0",
  ],
  "P10: a pool of NATS connections, with leases that come back": [
    `${natsServer}
     const pool = createPool({ open: (signal) => connectNats(server.url, { signal }), min: 3 });
     const leases = await Promise.all([1, 2, 3].map(() => pool.acquire({ mode: "exclusive" })));
     for (const lease of leases) await lease.value.publish("orders", "hello");
     const waiting = pool.acquire({ mode: "exclusive" }).then((lease) => lease.release());
     for (const lease of leases) await lease.release();
     await waiting;
     await farewell(gone(pool.goodbye()));`,
    "pool clean 0,0,0",
  ],
  "P10: a pool of NATS connections that is cut with a lease out, while it opens others and somebody waits": [
    `${natsServer}
     const pool = createPool({ open: (signal) => connectNats(server.url, { signal }), min: 1, max: 4 });
     const lease = await pool.acquire({ mode: "exclusive" });
     server.late = "hello";
     const waiting = Promise.allSettled([1, 2].map(() => pool.acquire({ mode: "exclusive" })));
     await until(() => server.asked !== 0, { timeout: 20_000 });
     const ending = pool.goodbye({ signal: AbortSignal.abort("enough") });
     say((await waiting).map(({ reason }) => reason.code).join());
     await farewell(gone(ending));
     say(String(lease.released));`,
    "ERR_CLOSED,ERR_CLOSED",
    "pool forced 0,0,0",
    "true",
  ],
  "P10: a pool whose server is not there": [
    `${natsServer}
     await server.close();
     const pool = createPool({ open: (signal) => connectNats(server.url, { signal }) });
     const waiting = pool.acquire().catch(({ code }) => code);
     await until(() => pool.inspect().failures >= 2, { timeout: 20_000 });
     const ending = pool.goodbye();
     say(await waiting);
     await farewell(ending);`,
    "ERR_CLOSED",
    "pool clean 0,0,0",
  ],
  "aborted operations": [
    `const broker = await startBroker({ port: 0 });
     const { connection } = await traffic(broker.url);
     const abort = new AbortController();
     const { signal } = abort;
     const operations = [
       connect(broker.url, { signal }),
       connection.subscribe("orders", { signal }),
       connection.request("nobody", "why", { signal }),
       connection.publish("orders", "x", { signal }),
       serve(echo, { signal }),
     ];
     abort.abort("enough");
     say((await Promise.allSettled(operations)).map(({ reason }) => reason).join());
     await farewell(connection.goodbye(), broker.goodbye());`,
    "reply to why",
    "enough,enough,enough,enough,enough",
    "eventmesh connection clean 0,0,0",
    "broker clean 0,0,0",
  ],
  "connects that nobody answers, aborted and timed out": [
    `const accepted = [];
     const handler = { connection: (transport) => void accepted.push(transport), handshakeError() {}, acceptError() {} };
     const listener = await systemNetwork().listen({ host: "127.0.0.1", port: 0 }, handler, {});
     const place = "://127.0.0.1:" + listener.address.port;
     const abort = new AbortController();
     const connects = Promise.allSettled([
       connect("eventmesh" + place, { timeout: 50 }),
       connect("eventmesh+tls" + place, { timeout: 50, tls: { ca } }),
       connect("eventmesh" + place, { signal: abort.signal }),
       connect("eventmesh+tls" + place, { signal: abort.signal, tls: { ca } }),
     ]);
     await until(() => accepted.length >= 4, { timeout: 20_000 });
     abort.abort("enough");
     say((await connects).map(({ reason }) => reason.code ?? reason).join());
     await listener.close();
     for (const transport of accepted) transport.destroy();
     await Promise.all(accepted.map(({ closed }) => closed));
     await farewell();`,
    "ERR_TIMEOUT,ERR_TIMEOUT,enough,enough",
  ],
};
