import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";

/** Everything around, and a server with a connection that ends when it is told to. */
const prelude = `
  import diagnostics from "node:diagnostics_channel";
  import { startBroker } from "gracewire/broker";
  import { connect } from "gracewire/eventmesh";
  import { createScope } from "gracewire/lifecycle";
  import { systemNetwork } from "gracewire/net";
  import { serve } from "gracewire/server";
  const say = (text) => console.log(text);
  const uncaught = [];
  for (const kind of ["uncaughtException", "unhandledRejection"]) {
    process.on(kind, (error) => uncaught.push(error?.message ?? error));
  }
  const network = systemNetwork();
  const server = await serve(async ({ draining }) => {
    await new Promise((resolve) => draining.addEventListener("abort", resolve));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    say("the work is done");
  }, { network });
  server.onRelease("hook", () => say("released"));
  const peer = await network.dial(server.address, {});
  peer.start({ data() {}, end: () => peer.end(), drain() {} });
  while (server.connections === 0) await new Promise((resolve) => setTimeout(resolve, 1));
`;

describe("I17 a process", () => {
  it("stays until a goodbye is done that nobody waits for, and ends then", async () => {
    const { code, lines, stderr } = await runChild(`
      ${prelude}
      process.on("exit", () => say([server.state, uncaught.length].join()));
      void server.goodbye();
      say("the end of main");
    `);
    expect(lines).toEqual(["the end of main", "the work is done", "released", "closed,0"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("ends in order when main is over because it threw, with a goodbye in a finally that it left", async () => {
    const { code, lines } = await runChild(`
      ${prelude}
      process.on("exit", () => say([server.state, uncaught].join()));
      const main = async () => {
        try {
          throw new Error("a mistake");
        } finally {
          void server.goodbye();
        }
      };
      void main();
    `);
    expect(lines).toEqual(["the work is done", "released", "closed,a mistake"]);
    expect(code).toBe(0);
  });

  it("has only the errors of its own code to look after, and they stop no end", async () => {
    const { code, lines, stderr } = await runChild(`
      ${prelude}
      const thrower = (name) => () => { throw new Error(name); };
      server.draining.addEventListener("abort", thrower("draining"));
      server.signal.addEventListener("abort", thrower("signal"));
      for (const channel of ["state", "farewell"]) diagnostics.subscribe("gracewire:" + channel, thrower(channel));
      void server.closed.then(thrower("closed"));
      (async () => { for await (const event of server.events()) thrower("events")(); })();
      const { outcome } = await server.goodbye();
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      say(outcome);
      say([...new Set(uncaught)].sort().join());
      for (const channel of ["state", "farewell"]) say(uncaught.filter((error) => error === channel).length > 0);
    `);
    expect(lines).toEqual([
      ...["the work is done", "released", "clean"],
      ...["closed,draining,events,farewell,signal,state", "true", "true"],
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  it("has nothing to look after when all that it has is cut at once, in the midst of traffic", async () => {
    const { code, lines, stderr } = await runChild(`
      ${prelude}
      const scope = createScope();
      const broker = scope.use(await startBroker({ port: 0 }));
      scope.use(server);
      for (let i = 0; i < 10; i++) {
        const connection = scope.use(await connect(broker.url));
        const subscription = await connection.subscribe("a");
        void subscription.consume(() => new Promise(() => {}));
        for (let j = 0; j < 10; j++) connection.publish("a", "x").catch(() => {});
        connection.request("nobody", "x").catch(() => {});
        connection.subscribe("b").catch(() => {});
      }
      void scope.goodbye({ grace: 0 });
      void broker.goodbye();
      const { residue } = await scope.closed;
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      say([Object.values(residue), uncaught.length].join());
    `);
    expect(lines.slice(-1)).toEqual(["0,0,0,0"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});
