import { expect } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { eventMesh, nats } from "../contracts/protocols.ts";
import { type FakeNats, startFakeNats } from "../nats/server.ts";
import { startFaultPeer } from "../support/fault_peer.ts";
import { until } from "../support/until.ts";
import type { StartPeer } from "./scenarios.ts";

/** A peer that does what the protocol asks for and no more. */
export const plainPeer: StartPeer = async ({ network }) => {
  const peer = await startFaultPeer({ network });
  return { protocol: eventMesh, url: peer.url, residents: () => peer.orphans(), end: () => peer.close() };
};

/** A NATS server that does what the protocol asks for and no more. */
export const natsPeer: StartPeer = async ({ network }) => {
  const server = await startFakeNats({ network });
  return {
    protocol: nats,
    url: server.url,
    residents: () => natsResidents(server),
    async end() {
      await natsEmpty(server);
      await server.close();
    },
  };
};

/** Resolves when nobody is left there; the network takes a moment to tell. */
export function natsEmpty(server: FakeNats): Promise<void> {
  return until(() => natsResidents(server).length === 0, {
    what: () => `no ${natsResidents(server).join(", ")}`,
  });
}

/** Streams and subscriptions, one line each; but for that to replies, which is made once and stays. */
export function natsResidents(server: FakeNats): string[] {
  return server.open.flatMap(({ number, subjects }) => [
    `stream ${number}`,
    ...subjects.filter((subject) => !subject.startsWith("_INBOX")).map((subject) =>
      `${subject} on stream ${number}`
    ),
  ]);
}

/** The embedded broker, which must end clean whatever its clients were put through. */
export function embeddedBroker(options: BrokerOptions = {}): StartPeer {
  return async ({ network }) => {
    const broker = await startBroker({ port: 0, network, ...options });
    return {
      protocol: eventMesh,
      url: broker.url,
      residents: () => residentsOf(broker),
      async end() {
        const farewell = await broker.goodbye();
        expect(farewell.outcome, formatFarewell(farewell)).toBe("clean");
        expect(residentsOf(broker)).toEqual([]);
      },
    };
  };
}

/** Sessions, members of groups and subscribers, one line each. */
export function residentsOf(broker: Broker): string[] {
  const { sessions, groups, topics, requests } = broker.inspect();
  return [
    ...sessions.map(({ id, purpose, state }) => `session ${id}: ${purpose}, ${state}`),
    ...groups.filter((group) => group.sessions > 0).map((group) =>
      `${group.sessions} in group ${group.name}`
    ),
    ...topics.filter((topic) => topic.subscribers > 0).map((topic) =>
      `${topic.subscribers} of topic ${topic.name}`
    ),
    ...(requests > 0 ? [`${requests} requests`] : []),
  ];
}
