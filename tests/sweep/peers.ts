import { expect } from "vitest";
import { type Broker, type BrokerOptions, startBroker } from "../../lib/broker/mod.ts";
import { formatFarewell } from "../../lib/lifecycle/mod.ts";
import { startFaultPeer } from "../support/fault_peer.ts";
import type { StartPeer } from "./eventmesh.ts";

/** A peer that does what the protocol asks for and no more. */
export const plainPeer: StartPeer = async ({ network }) => {
  const peer = await startFaultPeer({ network });
  return { url: peer.url, residents: () => peer.orphans(), end: () => peer.close() };
};

/** The embedded broker, which must end clean whatever its clients were put through. */
export function embeddedBroker(options: BrokerOptions = {}): StartPeer {
  return async ({ network }) => {
    const broker = await startBroker({ port: 0, network, ...options });
    return {
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
