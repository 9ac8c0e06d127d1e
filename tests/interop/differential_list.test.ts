import { describe, expect, it } from "vitest";
import { lanes } from "./differential/cases.ts";
import { compare } from "./differential/compare.ts";
import { disagreements, forecast, readListed } from "./differential/listed.ts";
import type { Answer, Transcript } from "./differential/transcript.ts";

const document = `
# Differences

| rule    | why         |
| ------- | ----------- |
| \`reset\` | by design |

| scripts    | theirs                             | ours                              | why     |
| ---------- | ---------------------------------- | --------------------------------- | ------- |
| \`a\`, \`b\` | \`PING: nothing\`<br>\`end: open\` | \`PING: PONG 0 …\`<br>\`end: closed\` | because |
`;
const listed = readListed(document);

function answer(change: Partial<Answer> = {}): Answer {
  return { cmd: "PONG", code: 0, desc: undefined, properties: {}, others: {}, body: undefined, ...change };
}

function transcript(
  answers: Readonly<Record<string, readonly Answer[]>>,
  end: "open" | "closed" | "reset" = "open",
): Transcript {
  return { answers: new Map(Object.entries(answers)), ends: new Map([["end", end]]) };
}

const silent = transcript({ PING: [] });
const loud = transcript({ PING: [answer({ desc: "as always" })] }, "closed");
const all = (one: Transcript) => new Map([["a", one], ["b", one], ["c", transcript({}, "reset")]]);
const reset = new Map([["reset", 1]]);

describe("the list of differences", () => {
  it("is read from the tables of a document", () => {
    expect(listed.rules).toEqual(new Map([["reset", "by design"]]));
    expect(listed.rows).toEqual([{
      scripts: ["a", "b"],
      runtime: new Map([["PING", "nothing"], ["end", "open"]]),
      ours: new Map([["PING", "PONG 0 …"], ["end", "closed"]]),
      reason: "because",
    }]);
  });

  it("agrees with what is as it says", () => {
    const { differences, rules } = compare(
      all(silent),
      new Map([...all(loud), ["c", transcript({}, "closed")]]),
    );
    expect(differences).toHaveLength(4);
    expect(disagreements(listed, differences, rules)).toEqual([]);
  });

  it("disagrees with a difference that it does not have", () => {
    const more = { script: "c", label: "PING", runtime: "nothing", ours: "PONG 0" };
    const { differences } = compare(all(silent), all(loud));
    expect(disagreements(listed, [...differences, more], reset)).toEqual([
      "Not listed: c\n  runtime PING: nothing\n  ours    PING: PONG 0",
    ]);
  });

  it("disagrees with a difference that is another than it says", () => {
    const { differences } = compare(all(silent), all(transcript({ PING: [answer({ code: 1 })] }, "closed")));
    expect(disagreements(listed, differences, reset)).toEqual([
      "Not listed: a\n  runtime PING: nothing\n  ours    PING: PONG 1",
      "Not listed: b\n  runtime PING: nothing\n  ours    PING: PONG 1",
      "Listed, and not so: a, PING: nothing / PONG 0 …",
      "Listed, and not so: b, PING: nothing / PONG 0 …",
    ]);
  });

  it("disagrees when a difference is gone, in one script of many", () => {
    const { differences } = compare(all(silent), new Map([...all(loud), ["b", silent]]));
    expect(disagreements(listed, differences, reset)).toEqual([
      "Listed, and not so: b, PING: nothing / PONG 0 …",
      "Listed, and not so: b, end: open / closed",
    ]);
  });

  it("disagrees with a rule that is not needed, and with one that it does not have", () => {
    const { differences } = compare(all(silent), all(loud));
    expect(disagreements(listed, differences, new Map([["stamps", 1]]))).toEqual([
      "Listed, and nowhere so: reset",
      "Not listed: the rule stamps",
    ]);
  });

  it("tells what the runtime will do, where ours does something else", () => {
    const tell = forecast(listed, all(loud));
    expect([tell("a").answers("PING"), tell("a").ends("end")]).toEqual([0, false]);
    expect([tell("c").answers("PING"), tell("c").ends("end")]).toEqual([0, true]);
  });
});

describe("a comparison", () => {
  const refusal = (desc: string): Transcript => transcript({ PING: [answer({ code: 1, desc })] });

  it("finds every part of an answer that is different", () => {
    for (
      const change of [
        { cmd: "PANG" },
        { code: 1 },
        { desc: "success" },
        { properties: { a: "b" } },
        { others: { seq: "missing" } },
        { body: "" },
      ]
    ) {
      const { differences } = compare(
        all(transcript({ PING: [answer()] })),
        all(transcript({ PING: [answer(change)] })),
      );
      expect(differences.map(({ label, script }) => `${script} ${label}`)).toEqual(["a PING", "b PING"]);
    }
  });

  it("finds answers and pushes that are too many", () => {
    const once = transcript({ PING: [answer()], pushes: [] });
    const twice = transcript({ PING: [answer(), answer()], pushes: [answer()] });
    expect(compare(all(once), all(twice)).differences).toHaveLength(4);
  });

  it("knows other words for accidents of Java only", () => {
    const accident = compare(all(refusal("java.lang.NullPointerException: x")), all(refusal("y is missing")));
    expect(accident.differences).toEqual([]);
    expect(accident.rules.get("reasons")).toBe(2);
    const meant = compare(all(refusal("java.lang.Exception: no session is found")), all(refusal("none")));
    expect(meant.differences).toHaveLength(2);
  });

  it("does not take a failure for a success", () => {
    const [failed, done] = [refusal("java.lang.NullPointerException"), transcript({ PING: [answer()] })];
    expect(compare(all(failed), all(done)).differences).toHaveLength(2);
  });
});

it("the scripts are many, and each has a name of its own", () => {
  const names = lanes.flat().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBeGreaterThan(300);
});
