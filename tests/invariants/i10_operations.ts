import { startBroker } from "../../lib/broker/mod.ts";
import { connect as connectAny } from "../../lib/connect.ts";
import { connect } from "../../lib/eventmesh/mod.ts";
import { connect as connectNats } from "../../lib/nats/mod.ts";
import { createScope, type Endpoint, type Farewell } from "../../lib/lifecycle/mod.ts";
import { run } from "../../lib/process/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { endpointFixtures } from "../contracts/endpoints.ts";
import type { Ground } from "../contracts/grounds.ts";
import type { LeakGate } from "../support/leak.ts";
import { NatsStages } from "./i10_nats.ts";
import { deaf, type Stage, Stages } from "./i10_stages.ts";

/** An operation that takes a signal, and a place where it pends. */
export interface Operation {
  readonly name: string;
  /** Nothing can be aborted: it is refused, or done when the call returns. */
  readonly instant?: true;
  /** How an operation that resolves in spite of an abort tells the reason. Without it an abort rejects. */
  readonly told?: (value: unknown) => unknown;
  /** What a signal that has aborted before comes to. @default {"rejects"} */
  readonly early?: "rejects" | "told";
  /** What the end of its endpoint comes to: a ClosedError, or an end of its own that is no error. */
  readonly ended?: "refused" | "resolves";
  arrange(): Promise<Stage>;
}

/** Every operation of this library that takes a signal. A new one is a line more. */
export function operations(gate: LeakGate, ground: Ground): readonly Operation[] {
  const on = new Stages(gate, ground);
  const nats = new NatsStages(() => gate.watch(ground.network()));
  const refused = { ended: "refused" } as const;
  const resolves = { ended: "resolves" } as const;
  const client = ground.client;
  return [
    { name: "connect", arrange: on.hello((url, how) => connect(url, { ...how, ...client })) },
    { name: "connect by scheme", arrange: on.hello((url, how) => connectAny(url, { ...how, ...client })) },
    {
      name: "subscribe",
      ...refused,
      arrange: on.call("SUBSCRIBE_REQUEST", (it, how) => it.subscribe("a", how)),
    },
    {
      name: "publish",
      ...refused,
      arrange: on.call("ASYNC_MESSAGE_TO_SERVER", (it, how) => it.publish("a", "x", how)),
    },
    {
      name: "broadcast",
      ...refused,
      arrange: on.call("BROADCAST_MESSAGE_TO_SERVER", (it, how) => it.broadcast("a", "x", how)),
    },
    {
      name: "request",
      ...refused,
      arrange: on.call("REQUEST_TO_SERVER", (it, how) => it.request("a", "x", how)),
    },
    { name: "recommend", ...refused, arrange: on.call("RECOMMEND_REQUEST", (it, how) => it.recommend(how)) },
    { name: "ping", ...refused, arrange: on.call("HEARTBEAT_REQUEST", (it, how) => it.ping(how)) },
    { name: "connect of NATS", arrange: nats.hello((url, how) => connectNats(url, how)) },
    {
      name: "subscribe of NATS",
      ...refused,
      arrange: nats.call("subscribe", (it, how) => it.subscribe("a", how)),
    },
    {
      name: "publish of NATS",
      ...refused,
      arrange: nats.call("publish", (it, how) => it.publish("a", "x", how)),
    },
    { name: "request of NATS", ...refused, arrange: nats.question((it, how) => it.request("a", "x", how)) },
    {
      name: "a loop over requestMany of NATS",
      ...refused,
      arrange: nats.question(async (it, how) => {
        for await (const _ of it.requestMany("a", "x", how)) continue;
      }),
    },
    {
      name: "publishToStream of NATS",
      ...refused,
      arrange: nats.question((it, how) => it.publishToStream("a", "x", how)),
    },
    { name: "flush of NATS", ...refused, arrange: nats.call("ping", (it, how) => it.flush(how)) },
    { name: "ping of NATS", ...refused, arrange: nats.call("ping", (it, how) => it.ping(how)) },
    { name: "acquire", ...refused, arrange: on.pool((it, how) => it.acquire(how)) },
    { name: "respond", instant: true, ...refused, arrange: on.message((it, how) => it.respond("x", how)) },
    {
      name: "consume",
      told: reasonOf,
      ...resolves,
      arrange: on.subscription((it, how) => it.consume(() => {}, how)),
    },
    { name: "for await", ...resolves, arrange: on.loop() },
    { name: "write", ...refused, arrange: on.write((it, how) => it.write(new Uint8Array(1), how)) },
    { name: "serve", arrange: on.listen((how) => serve(() => {}, { ...how, ...ground.server })) },
    { name: "startBroker", arrange: on.listen((how) => startBroker({ port: 0, ...how, ...ground.server })) },
    {
      name: "listen",
      arrange: on.listen((how, inner) => inner.listen(deaf.target, deaf.handler, how)),
    },
    { name: "dial", arrange: on.dial((it, port, how) => it.dial({ ...deaf.target, port }, how)) },
    {
      name: "createScope",
      told: reasonOf,
      early: "told",
      arrange: on.nothing((how) => createScope(how).closed),
    },
    { name: "run", told: (reason) => reason, arrange: on.nothing(reasonOfRun) },
    ...endpointFixtures(gate, [ground]).flatMap(({ name, fixture }): Operation[] => [
      {
        name: `goodbye of a ${name}`,
        told: cutOf,
        early: "told",
        arrange: on.endpoint(fixture, (it, how) => it.goodbye(how)),
      },
      { name: `events of a ${name}`, ...resolves, arrange: on.endpoint(fixture, eventsOf) },
    ]),
  ];
}

function reasonOf(value: unknown): unknown {
  return (value as Farewell).reason;
}

/** Of an abort during the end: it is the reason of the cut. */
function cutOf(value: unknown): unknown {
  const { phases, reason } = value as Farewell;
  const cut = phases.find(({ ended }) => ended === "cut");
  return cut === undefined ? reason : cut.reason;
}

async function eventsOf(endpoint: Endpoint, how: { signal: AbortSignal }): Promise<void> {
  for await (const _ of endpoint.events(how)) continue;
}

async function reasonOfRun(how: { signal: AbortSignal }): Promise<unknown> {
  let reason: unknown;
  await run(async ({ draining }) => {
    await new Promise((resolve) => draining.addEventListener("abort", resolve));
    reason = draining.reason;
  }, { ...how, signals: [], report() {} });
  return reason;
}
