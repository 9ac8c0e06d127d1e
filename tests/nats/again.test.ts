import { describe, expect, it } from "vitest";
import { ConnectionLostError, PeerError } from "../../lib/errors.ts";
import { connect } from "../../lib/nats/mod.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { places, rejection } from "./kit.ts";

const gate = leakGate();
const place = places(gate);

describe("publishToStream", () => {
  it("rejects with unknown when it was sent before, and cannot be sent again", async () => {
    const { network, server, ...there } = await place();
    const connection = await there.connect({ reconnect: { min: 60_000, max: 60_000, jitter: 0 } });
    const lost = rejection(connection.publishToStream("orders", "x", { offline: "fail" }));
    await until(() => server.sessions[0]!.commands.some((line) => line.startsWith("HPUB")));
    for (const transport of network.dialled) transport.reset();
    const error = await lost as ConnectionLostError;
    expect(error).toBeInstanceOf(ConnectionLostError);
    expect(error.outcome).toBe("unknown");
  });
});

describe("a reconnect", () => {
  it("ends when the only server that is there refuses, dead ones beside it or not", async () => {
    const { network, server } = await place();
    const connection = await connect([server.url, "nats://127.0.0.1:1"], {
      network,
      reconnect: { min: 1, max: 1, jitter: 0 },
    });
    server.admits = () => false;
    for (const transport of network.dialled) transport.reset();
    const { cause, reason } = await connection.closed;
    expect(cause).toBe("refused");
    expect(reason).toBeInstanceOf(PeerError);
  });
});
