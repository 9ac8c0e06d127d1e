import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Broker, startBroker } from "../../lib/broker/mod.ts";
import { connect, type EventMeshConnection } from "../../lib/eventmesh/mod.ts";
import type { RunningChild } from "../support/running_child.ts";
import { until } from "../support/until.ts";
import { type UserFolder, userFolder } from "../support/user.ts";

describe("the service of the README", () => {
  let user: UserFolder;
  let broker: Broker;
  let client: EventMeshConnection;

  beforeAll(async () => {
    user = await userFolder();
  });
  afterAll(() => user?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    broker = await startBroker({ port: 0 });
    client = await connect(broker.url, { group: "clients" });
  });
  afterEach(async () => {
    await client.goodbye({ grace: 0 });
    await broker.goodbye({ grace: 0 });
  });

  /** Starts it, and waits until it gets jobs. */
  async function worker(): Promise<RunningChild> {
    const service = await user.start("service", broker.url);
    onTestFinished(() => service.kill());
    const serves = (): boolean => broker.inspect().sessions.some(({ topics }) => topics.includes("jobs"));
    await until(() => serves() || !service.running, { timeout: 10_000, what: "the service to subscribe" });
    return service;
  }

  it.each([["SIGINT", 130], ["SIGTERM", 143]] as const)(
    "does its jobs until it gets %s, and ends in order with exit code %i",
    async (signal, exitCode) => {
      const service = await worker();
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
    },
  );

  it("loses no job at its end: what one worker has not begun the next one gets", async () => {
    const first = await worker();
    let done = 0;
    const names = Array.from({ length: 20 }, (_, i) => `job ${i}`);
    const jobs = Promise.all(names.map(async (job) => {
      const reply = await client.request("jobs", job, { timeout: 25_000 });
      done++;
      return reply.text();
    }));
    jobs.catch(() => {}); // Told below.
    await until(() => done >= 2, { timeout: 10_000, what: "two jobs to be done" });
    first.send("SIGTERM");
    expect(await first.ended).toEqual({ code: 143, signal: null, stdout: "", stderr: "" });
    expect(done).toBeLessThan(names.length);
    await worker();
    expect(await jobs).toEqual(names.map((job) => `${job} is done`));
    await client.goodbye();
    expect(await broker.goodbye()).toMatchObject({ messages: { published: 20, acked: 20, dropped: 0 } });
  });
});
