import type { Answer, Transcript } from "./transcript.ts";

/** The transcripts of one script, which a rule may make more alike. */
export interface Pair {
  runtime: Transcript;
  ours: Transcript;
}

/**
 * A difference that is not one of single scripts. A rule takes exactly that difference out of both transcripts, and
 * returns them, or undefined when it is not there.
 */
export type Rule = (pair: Pair) => Pair | undefined;

/** Properties that the runtime adds to a message on its way. */
const stamps: ReadonlySet<string> = new Set([
  "protocoldesc",
  "protocoltype",
  "protocolversion",
  "reqc2eventmeshtimestamp",
  "reqeventmesh2mqtimestamp",
  "reqsendeventmeship",
  "reqmq2eventmeshtimestamp",
  "reqreceiveeventmeship",
  "reqeventmesh2ctimestamp",
  "rsp0sys",
  "rsp0group",
  "rsp0idc",
  "rsp0ip",
]);

/** Words that are an accident of the runtime's source code, and no client can go by. */
const accidental =
  /^<stack trace>$|NullPointerException|^java\.lang\.Ill|^org\.apache\.eventmesh\.(common|api)\.|^io\.cloudevents\./;

export const rules: Readonly<Record<string, Rule>> = {
  reset({ runtime, ours }) {
    const ends = [...ours.ends].map(([label, end]) =>
      [label, end === "closed" && runtime.ends.get(label) === "reset" ? "reset" : end] as const
    );
    const changed = ends.some(([label, end]) => end !== ours.ends.get(label));
    return changed ? { runtime, ours: { ...ours, ends: new Map(ends) } } : undefined;
  },

  "refused-hello": (pair) =>
    unsaid(pair, ([answer]) => answer!.cmd === "HELLO_RESPONSE" && answer!.code !== 0),

  "violation-goodbye": (pair) =>
    unsaid(pair, ([answer]) => answer!.cmd === "SERVER_GOODBYE_REQUEST" && answer!.code !== 0),

  "publish-window": ({ runtime, ours }) => {
    const changed = eachAnswer(ours, (answer) => {
      const { publishwindow, ...properties } = answer.properties;
      return answer.cmd === "HELLO_RESPONSE" && publishwindow !== undefined
        ? { ...answer, properties }
        : answer;
    });
    return changed && { runtime, ours: changed };
  },

  "confirmation-body": ({ runtime, ours }) => {
    const changed = eachAnswer(runtime, (answer) => {
      const dump = /_TO_SERVER_ACK$/.test(answer.cmd) && answer.body !== undefined;
      return dump ? { ...answer, body: undefined } : answer;
    });
    return changed && { runtime: changed, ours };
  },

  stamps({ runtime, ours }) {
    const changed = eachAnswer(runtime, (answer) => {
      const { body } = answer;
      if (!/_TO_CLIENT$/.test(answer.cmd) || typeof body !== "object" || body === null) return answer;
      const { properties } = body as { properties?: object };
      const clean = properties === undefined
        ? unstamped(body)
        : { ...body, properties: unstamped(properties) };
      return { ...answer, body: clean };
    });
    return changed && { runtime: changed, ours };
  },

  "failed-reply-body": ({ runtime, ours }) => {
    const changed = eachAnswer(ours, (answer) => {
      const failed = answer.cmd === "RESPONSE_TO_CLIENT" && answer.code !== 0 && answer.body !== undefined;
      return failed ? { ...answer, properties: {}, body: undefined } : answer;
    });
    return changed && { runtime, ours: changed };
  },

  reasons({ runtime, ours }) {
    const same = (label: string, at: number): boolean => {
      const [theirs, own] = [runtime.answers.get(label)?.[at], ours.answers.get(label)?.[at]];
      return theirs?.code === 1 && own?.code === 1 && theirs.desc !== own.desc &&
        accidental.test(theirs.desc ?? "");
    };
    const blur = (transcript: Transcript): Transcript | undefined =>
      eachAnswer(
        transcript,
        (answer, label, at) => same(label, at) ? { ...answer, desc: "<reason>" } : answer,
      );
    const [theirs, own] = [blur(runtime), blur(ours)];
    return theirs && own && { runtime: theirs, ours: own };
  },
};

/** What our broker says where the runtime says nothing, and resets the connection. */
function unsaid({ runtime, ours }: Pair, select: (answers: readonly Answer[]) => boolean): Pair | undefined {
  const answers = new Map(ours.answers);
  for (const [label, list] of ours.answers) {
    const cut = [...runtime.ends].some(([end, how]) => how === "reset" && lineOf(end) === lineOf(label));
    if (cut && list.length === 1 && select(list) && runtime.answers.get(label)?.length === 0) {
      answers.set(label, []);
    }
  }
  const changed = [...answers].some(([label, list]) => list !== ours.answers.get(label));
  return changed ? { runtime, ours: { ...ours, answers } } : undefined;
}

/** The connection that a label belongs to. */
function lineOf(label: string): string {
  return /^\p{Lowercase}[^ ]* (?=.)/u.exec(label)?.[0] ?? "";
}

function unstamped(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !stamps.has(name)));
}

/** A transcript with other answers, or undefined when they are the same. */
function eachAnswer(
  transcript: Transcript,
  change: (answer: Answer, label: string, at: number) => Answer,
): Transcript | undefined {
  let changed = false;
  const answers = new Map(
    [...transcript.answers].map(([label, list]) => [
      label,
      list.map((answer, at) => {
        const other = change(answer, label, at);
        changed ||= other !== answer;
        return other;
      }),
    ]),
  );
  return changed ? { ...transcript, answers } : undefined;
}
