import { describe, expect, it } from "vitest";
import { RunningPhase } from "../../lib/lifecycle/running.ts";
import { type FakeSession, Model, replyText } from "./model.ts";

const BUSY = "java.lang.Exception: SEND_TOO_FAST";

const replies = ({ replies }: FakeSession): [number | string, string][] =>
  replies.map(({ seq, reply }) => [seq, replyText(reply)]);

describe("a request", () => {
  it("goes to one member of the group, and its reply to the requester under the requester's number", () => {
    const model = new Model();
    const asker = model.session("askers");
    const responders = [1, 2].map(() => model.listener("g", "t", "CLUSTERING", "SYNC"));
    expect(model.request(asker, "t", "question", 3_000, "77")).toBe(undefined);
    const [responder, idle] = responders;
    expect(idle!.pushes).toEqual([]);
    expect(responder!.pushes).toMatchObject([{ command: "REQUEST_TO_CLIENT", text: "question" }]);
    expect(responder!.subscriber.consumer.owed).toBe(1);
    responder!.ack();
    expect(model.respond(responder!.pushes[0]!, "answer")).toBe(true);
    expect(replies(asker)).toEqual([["77", "answer"]]);
    expect(responder!.subscriber.consumer.owed).toBe(0);
    expect([model.core.requests.size, model.timers.size, model.core.memory.used]).toEqual([0, 1, 0]);
  });

  it("does not go to sessions that subscribe without SYNC, or broadcasting", () => {
    const model = new Model();
    const asker = model.session("askers");
    const deaf = [model.listener("g", "t"), model.listener("h", "t", "BROADCASTING", "SYNC")];
    expect(model.request(asker, "t", "question")).toBe(undefined);
    expect(deaf.flatMap(({ pushes }) => pushes)).toEqual([]);
    expect(model.core.requests.size).toBe(1);
  });

  it("gets the first reply of several groups; later ones are counted and go nowhere", () => {
    const model = new Model();
    const asker = model.session("askers");
    const [one, other] = [
      model.listener("one", "t", "CLUSTERING", "SYNC"),
      model.listener("other", "t", "CLUSTERING", "SYNC"),
    ];
    model.request(asker, "t", "question");
    expect(model.respond(other.pushes[0]!, "first")).toBe(true);
    expect(model.respond(one.pushes[0]!, "second")).toBe(false);
    expect(replies(asker)).toEqual([["question", "first"]]);
    expect(model.core.ledger.strayReplies).toBe(1);
  });

  it("is taken back from groups that have not begun with it", () => {
    const model = new Model();
    const asker = model.session("askers");
    const [busy, quick] = [
      model.listener("busy", "t", "CLUSTERING", "SYNC"),
      model.listener("quick", "t", "CLUSTERING", "SYNC"),
    ];
    busy.block();
    model.request(asker, "t", "question");
    model.respond(quick.pushes[0]!, "answer");
    busy.unblock();
    expect(busy.pushes).toEqual([]);
    expect(model.core.ledger.drops.request).toBe(1);
  });

  it("waits for a responder as long as its time lasts", () => {
    const model = new Model();
    const asker = model.session("askers");
    model.request(asker, "t", "question", 1_000);
    model.timers.advance(999);
    const responder = model.listener("g", "t", "CLUSTERING", "SYNC");
    expect(responder.texts).toEqual(["question"]);
    model.respond(responder.pushes[0]!, "answer");
    expect(replies(asker)).toEqual([["question", "answer"]]);
  });

  it("is refused when its time is over, with or without a responder", () => {
    const model = new Model();
    const asker = model.session("askers");
    model.listener("g", "t", "CLUSTERING", "SYNC");
    model.request(asker, "t", "one", 1_000);
    model.request(asker, "nobody", "other", 2_000);
    model.timers.advance(2_000);
    expect(replies(asker)).toEqual([
      ["one", 'java.lang.Exception: request to "t" timed out after 1000 ms: no reply'],
      ["other", 'java.lang.Exception: request to "nobody" timed out after 2000 ms: no responder'],
    ]);
    expect(model.core.topics.get("nobody")).toBe(undefined);
  });

  it("goes to another responder when the first ends without acknowledging it", () => {
    const model = new Model();
    const asker = model.session("askers");
    const first = model.listener("g", "t", "CLUSTERING", "SYNC");
    model.request(asker, "t", "question");
    first.close(true);
    const stranger = model.listener("h", "t", "CLUSTERING", "SYNC");
    expect(stranger.texts).toEqual(["question"]);
    const successor = model.listener("g", "t", "CLUSTERING", "SYNC");
    expect(successor.pushes).toMatchObject([{ text: "question", deliveries: 2 }]);
  });

  it("is forgotten with its requester", () => {
    const model = new Model();
    const asker = model.session("askers");
    const responder = model.listener("g", "t", "CLUSTERING", "SYNC");
    model.core.ledger.published++;
    model.request(asker, "t", "question");
    asker.close(true);
    expect(model.core.ledger.unconfirmed).toBe(1);
    expect(model.respond(responder.pushes[0]!, "answer")).toBe(false);
    expect(asker.replies).toEqual([]);
    responder.ack();
    expect(model.core.memory.used).toBe(0);
  });

  it("is refused when there are too many, or the responders cannot take more", () => {
    const model = new Model({ pendingRequests: 4, queue: 1 });
    const asker = model.session("askers");
    model.listener("g", "t", "CLUSTERING", "SYNC");
    expect(model.request(asker, "t", "one")).toBe(undefined);
    expect(model.request(asker, "t", "two")).toBe(BUSY);
    expect(model.request(asker, "elsewhere", "three")).toBe(undefined);
    expect(model.request(asker, "elsewhere", "four")).toBe(BUSY);
  });

  it("is refused to a session that has as many as it leaves for others, and to nobody else", () => {
    const model = new Model({ pendingRequests: 100 });
    const ask = (asker: FakeSession, times: number): number =>
      Array.from({ length: times }, () => model.request(asker, "nobody", "?")).filter((refusal) =>
        refusal === undefined
      ).length;
    const [greedy, other, modest] = [model.session("a"), model.session("b"), model.session("c")];
    expect(ask(greedy, 150)).toBe(50);
    expect(ask(other, 150)).toBe(25);
    expect(ask(greedy, 150)).toBe(0);
    expect(ask(modest, 5)).toBe(5);
    // Those of a session that is gone hold no place.
    greedy.close(true);
    expect(model.core.requests.size).toBe(30);
    expect(ask(modest, 150)).toBe(33);
    expect(model.request(other, "nobody", "?")).toBe(undefined);
  });

  it("finds a place in a broker that has a single one", () => {
    const model = new Model({ pendingRequests: 1 });
    const [one, other] = [model.session("a"), model.session("b")];
    expect(model.request(one, "nobody", "?")).toBe(undefined);
    expect([one, other].map((asker) => model.request(asker, "nobody", "?"))).toEqual([BUSY, BUSY]);
  });
});

describe("the end of the broker", () => {
  it("gives up requests that no responder has, and waits for the others", async () => {
    const model = new Model();
    const asker = model.session("askers");
    const responder = model.listener("g", "t", "CLUSTERING", "SYNC");
    model.request(asker, "t", "begun");
    model.request(asker, "nobody", "waiting");
    model.core.pause();
    expect(replies(asker).map(([seq]) => seq)).toEqual(["waiting"]);
    const phase = new RunningPhase("drain", 0, Infinity, undefined);
    const idle = model.core.until(() => model.core.requests.size === 0, phase);
    model.respond(responder.pushes[0]!, "answer");
    await idle;
    expect(replies(asker)[1]).toEqual(["begun", "answer"]);
  });

  it("pushes nothing that comes later", () => {
    const model = new Model();
    const member = model.listener("g", "t");
    model.core.pause();
    expect(model.publish("t", "late")).toBe(undefined);
    expect([member.texts, model.held]).toEqual([[], 1]);
  });

  it("pushes nothing more", () => {
    const model = new Model({ unackedPerSession: 1 });
    const member = model.listener("g", "t");
    model.publish("t", "m1");
    model.publish("t", "m2");
    model.core.pause();
    member.ack();
    member.close(false);
    model.core.end();
    expect(member.texts).toEqual(["m1"]);
    expect(model.core.ledger).toMatchObject({ received: 2, acked: 1, returned: 0, dropped: 1 });
  });
});
