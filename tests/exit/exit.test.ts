import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";

/** Milliseconds that a process may take to end once it has nothing more to say. */
const soon = 2_000;

/** A program with a broker, a client, a subscription and some traffic; `end` ends it. */
function program(end: string): string {
  return `
    import { startBroker } from "gracewire/broker";
    import { connect } from "gracewire/eventmesh";
    const say = (text) => console.log(text);
    process.on("unhandledRejection", (error) => say("unhandled: " + error));
    const broker = await startBroker({ port: 0 });
    const connection = await connect(broker.url);
    const subscription = await connection.subscribe(["orders", "returns"]);
    const questions = await connection.subscribe("questions", { type: "sync" });
    void questions.consume((message) => "reply to " + message.text());
    await connection.publish("orders", "hello");
    for await (const message of subscription) {
      say(message.text());
      message.ack();
      break;
    }
    say((await connection.request("questions", "why")).text());
    ${end}
  `;
}

describe("a process", () => {
  it("ends by itself after the goodbyes of its connection and its broker", async () => {
    const { code, lines, lingered, stderr } = await runChild(program(`
      say((await connection.goodbye()).outcome);
      say((await broker.goodbye()).outcome);
    `));
    expect(lines).toEqual(["hello", "reply to why", "clean", "clean"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("ends by itself when the broker goes first, and the connection by force", async () => {
    const { code, lines, lingered, stderr } = await runChild(program(`
      const [one, other] = await Promise.all([broker.goodbye(), connection.goodbye({ grace: 0 })]);
      say([one, other].map(({ residue }) => JSON.stringify(Object.values(residue))).join());
    `));
    expect(lines).toEqual(["hello", "reply to why", "[0,0,0],[0,0,0]"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("ends by itself after aborted operations", async () => {
    const { code, lines, lingered, stderr } = await runChild(program(`
      const abort = new AbortController();
      const { signal } = abort;
      const operations = [
        connect(broker.url, { signal }),
        connection.subscribe("orders", { signal }),
        connection.request("nobody", "why", { signal }),
        connection.publish("orders", "x", { signal }),
      ];
      abort.abort("enough");
      say((await Promise.allSettled(operations)).map(({ reason }) => reason).join());
      await connection.goodbye();
      say((await broker.goodbye()).residue.sockets);
    `));
    expect(lines).toEqual(["hello", "reply to why", "enough,enough,enough,enough", "0"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("ends by itself after a try and a finally, where there is no using", async () => {
    const { code, lines, lingered, stderr } = await runChild(`
      import { startBroker } from "gracewire/broker";
      import { connect } from "gracewire/eventmesh";
      import { createScope } from "gracewire/lifecycle";
      const scope = createScope();
      try {
        const broker = scope.use(await startBroker({ port: 0 }));
        const connection = scope.use(await connect(broker.url));
        await connection.publish("orders", "hello");
        throw new Error("in the middle of it");
      } catch (error) {
        console.log(error.message);
      } finally {
        console.log((await scope.goodbye()).outcome);
      }
    `);
    expect(lines).toEqual(["in the middle of it", "clean"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(lingered).toBeLessThan(soon);
  });

  it("ends by itself after a connect that nobody answers", async () => {
    const { code, lines, lingered } = await runChild(`
      import { connect } from "gracewire/eventmesh";
      import { systemNetwork } from "gracewire/net";
      const handler = { connection() {}, handshakeError() {}, acceptError() {} };
      const accepted = [];
      const listener = await systemNetwork().listen({ host: "127.0.0.1", port: 0 }, {
        ...handler,
        connection: (transport) => void accepted.push(transport),
      }, {});
      const error = await connect("eventmesh://127.0.0.1:" + listener.address.port, { timeout: 50 }).catch((error) => error);
      console.log(error.code);
      await listener.close();
      for (const transport of accepted) transport.destroy();
    `);
    expect(lines).toEqual(["ERR_TIMEOUT"]);
    expect(code).toBe(0);
    expect(lingered).toBeLessThan(soon);
  });

  it("stays while a connection is open, or comes back", async () => {
    const still = `setTimeout(() => say("still here"), 200).unref();`;
    const signals = [{ after: "still here", signal: "SIGKILL" as const }];
    const open = await runChild(program(still), { signals });
    expect(open.signal).toBe("SIGKILL");
    const reconnecting = await runChild(program(`await broker.goodbye({ grace: 0 }); ${still}`), { signals });
    expect(reconnecting.signal).toBe("SIGKILL");
  });
});
