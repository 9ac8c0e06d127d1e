import type { LifecycleState } from "../../lib/lifecycle/reducer.ts";
import { deadline, done, Group, interned, type Member, opened, type Stream, type Witness } from "./group.ts";

/** The connections of a group. */
export const connectionCount = 3;
/** Operations that a connection has under way at most. */
const operationLimit = 2;

/** What happens to a group: calls, answers of the peer, deadlines. What follows from it at once is a part of it. */
export type Happening =
  | "the server opens"
  | "a stream is accepted"
  | "the server is asked to end"
  | "the server is forced"
  | "the listener closes"
  | "the hooks are done"
  | "a deadline of the server"
  | "an operation begins"
  | "an operation settles"
  | "a connection is asked to end"
  | "a connection is forced"
  | "a stream ends"
  | "a stream breaks"
  | "a stream breaks when all was taken"
  | "a deadline of a connection";

/** How to explore. */
export interface ExplorationOptions {
  readonly witness: Witness;
  /** Events after which no path is followed any further. */
  readonly depth: number;
  /** Deadlines of the server come after those that it has given to its connections. */
  readonly ordered: boolean;
  /** Told before each event. */
  readonly onEvent?: (happening: Happening) => void;
  /** Told of each group that was not seen before; it may do with it what it likes. */
  readonly onGroup?: (group: Group) => void;
}

/** Walks over all distinct groups, breadth first, and counts them and the steps between them. */
export function explore(options: ExplorationOptions): { states: number; steps: number } {
  const { witness, depth, ordered } = options;
  const seen = new Set(roots(witness).map(encode));
  let frontier = [...seen];
  let steps = 0;
  for (let level = 0; level < depth && frontier.length > 0; level++) {
    const reached: number[] = [];
    for (const code of frontier) {
      for (const [happening, index] of eventsOf(decode(code, witness), ordered)) {
        const group = decode(code, witness);
        options.onEvent?.(happening);
        happen(group, happening, index);
        steps++;
        const next = encode(group);
        if (seen.has(next)) continue;
        seen.add(next);
        reached.push(next);
        options.onGroup?.(group);
      }
    }
    frontier = reached;
  }
  return { states: seen.size, steps };
}

/** Lets the next deadline pass, those of the connections first; false when there is none. */
export function expire(group: Group): boolean {
  const index = group.members.findIndex((member) => member?.life.phase !== undefined);
  if (index < 0 && group.server.phase === undefined) return false;
  happen(group, index < 0 ? "a deadline of the server" : "a deadline of a connection", index);
  return true;
}

/** Nothing has happened yet; and: all connections are there, each with one operation under way. */
function roots(witness: Witness): Group[] {
  const loaded = new Group(witness);
  loaded.tell("server", { type: "opened" });
  for (let i = 0; i < connectionCount; i++) loaded.accept(i, 1);
  return [new Group(witness), loaded];
}

function eventsOf(group: Group, ordered: boolean): [Happening, number][] {
  const { accepting, listening, members, server } = group;
  const events: [Happening, number][] = [];
  const may = (condition: boolean, happening: Happening, index = -1): void => {
    if (condition) events.push([happening, index]);
  };
  may(server.state === "opening", "the server opens");
  const free = members.indexOf(undefined);
  may(server.state !== "opening" && accepting && free >= 0, "a stream is accepted", free);
  may(server.cause === undefined, "the server is asked to end");
  may(server.state !== "closed", "the server is forced");
  may(listening, "the listener closes");
  may(server.phase === "release", "the hooks are done");
  may(server.phase !== undefined && (!ordered || mayExpire(group)), "a deadline of the server");
  members.forEach((member, index) => {
    if (member === undefined || member.life.state === "closed") return;
    const { life: { cause, phase }, pending, said, stream } = member;
    may(cause === undefined && pending < operationLimit, "an operation begins", index);
    may(pending > 0, "an operation settles", index);
    may(cause === undefined, "a connection is asked to end", index);
    may(true, "a connection is forced", index);
    may(stream !== "gone", "a stream ends", index);
    may(stream === "up", "a stream breaks", index);
    may(stream === "up" && said, "a stream breaks when all was taken", index);
    may(phase !== undefined, "a deadline of a connection", index);
  });
  return events;
}

/** The server has given its connections less time than it has itself. */
function mayExpire(group: Group): boolean {
  const { phase } = group.server;
  if (phase === "drain") return group.drained;
  if (phase === "goodbye") {
    return group.every(({ life }) => life.phase === "force" || life.phase === "release");
  }
  return phase !== "force" || group.living.length === 0;
}

function happen(group: Group, happening: Happening, index: number): void {
  const member = group.members[index]!;
  switch (happening) {
    case "the server opens":
      group.tell("server", opened);
      break;
    case "a stream is accepted":
      group.accept(index, 0);
      break;
    case "the server is asked to end":
      group.end("server");
      break;
    case "the server is forced":
      group.end("server", "forced");
      break;
    case "the listener closes":
      group.listening = false;
      if (group.accepting) group.end("server");
      break;
    case "the hooks are done":
      group.tell("server", done.release);
      break;
    case "a deadline of the server":
      group.tell("server", deadline[group.server.phase!]);
      break;
    case "an operation begins":
      member.pending++;
      break;
    case "an operation settles":
      member.pending--;
      break;
    case "a connection is asked to end":
      group.end(member);
      break;
    case "a connection is forced":
      group.end(member, "forced");
      break;
    case "a stream ends":
      group.streamEnds(member);
      break;
    case "a stream breaks":
    case "a stream breaks when all was taken":
      group.streamBreaks(member, happening !== "a stream breaks");
      break;
    case "a deadline of a connection":
      group.tell(member, deadline[member.life.phase!]);
      break;
  }
  group.advance();
}

const lives: LifecycleState[] = [];
const numbers = new Map<LifecycleState, number>();
const streams: readonly Stream[] = ["up", "cut", "gone"];
/** States of a reducer that fit into a code. */
const lifeLimit = 64;
const memberLimit = (lifeLimit + 1) * (operationLimit + 1) * streams.length * 4;

/** A group as one number: the same for groups that differ in the order of their connections only. */
export function encode({ accepting, listening, members, server }: Group): number {
  const codes: number[] = [];
  for (let i = 0; i < connectionCount; i++) codes.push(encodeMember(members[i]));
  codes.sort((one, other) => other - one);
  let code = numberOf(server) * 4 + (accepting ? 2 : 0) + (listening ? 1 : 0);
  for (const member of codes) code = code * memberLimit + member;
  return code;
}

function encodeMember(member: Member | undefined): number {
  if (member === undefined) return 0;
  const { life, pending, said, stream, taken } = member;
  const code = (numberOf(life) + 1) * (operationLimit + 1) + pending;
  return (code * streams.length + streams.indexOf(stream)) * 4 + (taken ? 2 : 0) + (said ? 1 : 0);
}

/** The group of a code. */
function decode(code: number, witness: Witness): Group {
  const group = new Group(witness);
  let rest = code;
  for (let i = connectionCount - 1; i >= 0; i--) {
    group.members[i] = decodeMember(rest % memberLimit);
    rest = Math.floor(rest / memberLimit);
  }
  group.listening = (rest & 1) > 0;
  group.accepting = (rest & 2) > 0;
  group.server = lives[rest >> 2]!;
  return group;
}

function decodeMember(code: number): Member | undefined {
  if (code === 0) return undefined;
  const [said, taken] = [(code & 1) > 0, (code & 2) > 0];
  const rest = code >> 2;
  const stream = streams[rest % streams.length]!;
  const operations = Math.floor(rest / streams.length);
  const life = lives[Math.floor(operations / (operationLimit + 1)) - 1]!;
  return { life, pending: operations % (operationLimit + 1), stream, taken, said };
}

function numberOf(state: LifecycleState): number {
  const known = numbers.get(state);
  if (known !== undefined) return known;
  const life = interned(state);
  if (life !== state) return numberOf(life);
  const number = lives.push(life) - 1;
  if (number >= lifeLimit) throw new RangeError(`Cannot number a state: there are more than ${lifeLimit}`);
  numbers.set(life, number);
  return number;
}
