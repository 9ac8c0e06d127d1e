import { describe, expect, it } from "vitest";
import { leakGate } from "../support/leak.ts";
import { turns } from "../support/until.ts";
import { places } from "./kit.ts";

const place = places(leakGate());

describe("the server of these tests", () => {
  it.each(["publish", "subscribe"] as const)(
    "is late with the answer to what came before a PING, whatever else did: %s",
    async (late) => {
      const { server, ...there } = await place();
      const connection = await there.connect();
      server.answers = (text) => text;
      // It subscribes to the replies, and sends no PING.
      const asked = connection.request("questions", "x");
      server.late = late;
      let done = false;
      const published = connection.publish("orders", "x").then(() => done = true);
      await asked;
      await turns(5);
      expect({ asked: server.asked, done }).toEqual({ asked: 1, done: false });
      server.answer();
      await published;
    },
  );
});
