import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { differs } from "../support/env.ts";
import { leakGate } from "../support/leak.ts";
import { dataOf, WireClient, type WireClientOptions } from "../support/wire_client.ts";

leakGate();

const path = join(tmpdir(), `gracewire broker ${process.pid}.sock`);

const transports: [string, BrokerOptions, RegExp, WireClientOptions][] = [
  ["TCP", { port: 0 }, /^eventmesh:\/\/127\.0\.0\.1:\d+$/, {}],
  ["TCP over IPv6", { port: 0, host: "::1" }, /^eventmesh:\/\/\[::1\]:\d+$/, {}],
  ["TLS", { port: 0, tls: { cert, key } }, /^eventmesh\+tls:\/\/127\.0\.0\.1:\d+$/, { tls: { ca } }],
];
if (!differs.lacksUnixSockets) {
  transports.push(["a unix socket", { path }, /^eventmesh\+unix:\/\/\/.*gracewire%20broker.*\.sock$/, {}]);
}

describe.each(transports)("a broker over %s", (_, options, url, clientOptions) => {
  it("has a URL, carries messages both ways, and says goodbye", async () => {
    const broker = await startBroker(options);
    expect(broker.url).toMatch(url);
    const subscriber = await WireClient.subscriber(broker.url, "g", ["t"], clientOptions);
    const publisher = await WireClient.publisher(broker.url, clientOptions);
    const large = "x".repeat(500_000);
    const answers = await Promise.all(["one", large, "three"].map((text) => publisher.publish("t", text)));
    expect(answers.map(({ code }) => code)).toEqual([0, 0, 0]);
    for (const text of ["one", large, "three"]) {
      const push = await subscriber.expect("ASYNC_MESSAGE_TO_CLIENT");
      expect(dataOf(push) === text).toBe(true);
      subscriber.ack(push);
    }
    await publisher.goodbye();
    const leaving = broker.goodbye();
    await subscriber.expect("SERVER_GOODBYE_REQUEST");
    await subscriber.goodbye();
    const farewell = await leaving;
    expect(farewell).toMatchObject({ outcome: "clean", errors: [], connections: { opened: 2, clean: 2 } });
    expect(farewell.messages).toMatchObject({
      published: 3,
      confirmed: 3,
      received: 3,
      acked: 3,
      dropped: 0,
    });
    expect(farewell.residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  });

  it("contains a client that breaks off in the midst of a frame", async () => {
    const broker = await startBroker(options);
    const bad = await WireClient.publisher(broker.url, clientOptions);
    bad.sendBytes("EventMesh0000\0\0\u0010\0\0\0");
    bad.transport.reset();
    await bad.transport.closed;
    const good = await WireClient.publisher(broker.url, clientOptions);
    await good.goodbye();
    expect((await broker.goodbye({ grace: 500 })).residue).toEqual({ sockets: 0, timers: 0, listeners: 0 });
  });
});
