import { afterEach, describe, expect, it } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { ProtocolError } from "../../lib/errors.ts";
import { encodeUserAgent, FrameWriter, SELECTORS } from "../../lib/eventmesh/wire/mod.ts";
import { memoryNetwork, systemNetwork } from "../../lib/net/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { agent, WireClient } from "../support/wire_client.ts";
import { SUCCESS } from "./fixture.ts";

leakGate();

/** The beginning of a frame of so many bytes: all that is in front of its header. */
function announced(size: number): Uint8Array {
  const bytes = new Uint8Array(21);
  bytes.set(new TextEncoder().encode("EventMesh0000"));
  new DataView(bytes.buffer).setInt32(13, size - 8);
  return bytes;
}

/** Frames in one piece: a hello, and a publish of so much text. */
function helloAndPublish(size: number): Uint8Array {
  const writer = new FrameWriter();
  writer.frame({ cmd: "HELLO_REQUEST", seq: "1" }, encodeUserAgent({ ...agent, purpose: "pub" }));
  writer.frame(
    { cmd: "ASYNC_MESSAGE_TO_SERVER", seq: "2", properties: SELECTORS.eventmeshmessage },
    JSON.stringify({ topic: "t", properties: {}, headers: {}, body: "x".repeat(size) }),
  );
  return writer.take();
}

describe.each([["memory", memoryNetwork], ["TCP", systemNetwork]])("strangers over %s", (_, networkOf) => {
  const network = networkOf();
  let broker: Broker;
  let clients: WireClient[] = [];
  const faults: unknown[] = [];

  async function start(options: BrokerOptions): Promise<void> {
    broker = await startBroker({ port: 0, network, ...options });
    const events = broker.events();
    faults.length = 0;
    void (async () => {
      for await (const event of events) if (event.type === "fault") faults.push(event.error);
    })();
  }

  async function connect(): Promise<WireClient> {
    const client = await WireClient.connect(broker.url, { network });
    clients.push(client);
    return client;
  }

  afterEach(async () => {
    for (const client of clients) await client.destroy();
    clients = [];
    await broker.goodbye({ grace: 0 });
  });

  it("are ended when they announce a frame of more than 64 KiB", async () => {
    await start({});
    const client = await connect();
    expect(await client.request("HEARTBEAT_REQUEST", new Uint8Array(60_000))).toMatchObject({ code: 1 });
    client.sendBytes(announced(65_537));
    await client.untilEnded();
    expect(client.inbox).toEqual([]);
    await until(() => faults.length === 1);
    expect(faults[0]).toBeInstanceOf(ProtocolError);
    expect((faults[0] as Error).message).toContain("its length field is 65529, must be from 13 to 65528");
  });

  it("may announce one of exactly 64 KiB, and less where the broker takes less", async () => {
    await start({ limits: { maxFrame: 4_096 } });
    const small = await connect();
    small.sendBytes(announced(4_097));
    await small.untilEnded();
    await small.destroy();
    await broker.goodbye();
    await start({});
    const client = await connect();
    const bytes = new Uint8Array(65_536).fill(0x20);
    bytes.set(announced(65_536));
    new DataView(bytes.buffer).setInt32(17, 27);
    bytes.set(new TextEncoder().encode('{"cmd":"HEARTBEAT_REQUEST"}'), 21);
    client.sendBytes(bytes);
    expect(await client.expect("HEARTBEAT_RESPONSE")).toMatchObject({ code: 1 });
  });

  it("are none any more behind a hello that is accepted at once, in the same piece as well", async () => {
    await start({});
    const client = await connect();
    client.sendBytes(helloAndPublish(1_000_000));
    expect(await client.expect("HELLO_RESPONSE")).toMatchObject(SUCCESS);
    expect(await client.expect("ASYNC_MESSAGE_TO_SERVER_ACK")).toMatchObject(SUCCESS);
  });

  it("are strangers while their hello is looked at", async () => {
    let aborted = false;
    await start({
      authenticate: (_, { signal }) =>
        new Promise(() => signal.addEventListener("abort", () => aborted = true)),
    });
    const client = await connect();
    client.sendBytes(helloAndPublish(70_000));
    await client.untilEnded();
    expect(aborted).toBe(true);
  });

  it("from one address are refused beyond `perAddress`, until there is room again", async () => {
    await start({ limits: { perAddress: 2 } });
    const [first] = [await connect(), await connect()];
    await first.hello();
    const third = await connect().catch(() => undefined);
    await third?.untilEnded();
    await first.goodbye();
    await until(async () => {
      const next = await connect().catch(() => undefined);
      return await next?.hello().then(({ code }) => code === 0, () => false) ?? false;
    });
    const farewell = await broker.goodbye({ grace: 100 });
    expect(farewell.connections.opened).toBe(3);
    expect(farewell.connections.refused).toBeGreaterThan(0);
  });
});
