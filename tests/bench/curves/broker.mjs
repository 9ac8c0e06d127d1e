// A broker in a process of its own, with room for everything that is tried here.
import { startBroker } from "../../../lib/broker/mod.ts";
import { obey } from "./actor.mjs";

const room = 300_000;
const broker = await startBroker({
  port: 0,
  // A client that leaves four of the largest frames unread is cut: that is less than 100,000 replies at once.
  limits: { queue: room, memory: 2 ** 31, pendingRequests: room, maxFrame: 2 ** 26 },
  sessionExpiry: 600_000,
});

await obey(broker.url, {
  count() {
    const { requests, sessions } = broker.inspect();
    return { requests, sessions: sessions.length };
  },
});
