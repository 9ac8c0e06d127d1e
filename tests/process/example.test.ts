import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { expect, it } from "vitest";
import { startBroker } from "../../lib/broker/mod.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { bundle, runtimeArgs } from "../support/child.ts";
import { startChild } from "../support/running_child.ts";
import { until } from "../support/until.ts";

it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
  "the service of the README does its jobs until it gets %s, and ends in order with exit code %i",
  async (signal, exitCode) => {
    const folder = mkdtempSync(join(tmpdir(), "gracewire-service-"));
    const broker = await startBroker({ port: 0 });
    const client = await connect(broker.url, { group: "clients" });
    try {
      const file = join(folder, "service.mjs");
      writeFileSync(file, await bundle(new URL("../examples/service.ts", import.meta.url)));
      const service = startChild(process.execPath, [...runtimeArgs, file, broker.url]);
      const serves = (): boolean => broker.inspect().sessions.some(({ topics }) => topics.includes("jobs"));
      await until(() => serves() || !service.running, { timeout: 10_000, what: "the service to subscribe" });
      const replies = await Promise.all(["one", "two"].map((job) => client.request("jobs", job)));
      expect(replies.map((reply) => reply.text())).toEqual(["one is done", "two is done"]);
      service.send(signal);
      expect(await service.ended).toEqual({ code: exitCode, signal: null, stdout: "", stderr: "" });
      expect(broker.inspect().sessions.map(({ group }) => group)).toEqual(["clients"]);
      await client.goodbye();
      // It has said goodbye to the broker: nobody was lost.
      expect(await broker.goodbye()).toMatchObject({
        outcome: "clean",
        connections: { opened: 3, clean: 3 },
      });
    } finally {
      await client.goodbye({ grace: 0 });
      await broker.goodbye({ grace: 0 });
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
