import type {
  EndpointEvent,
  EndpointState,
  EventLevel,
  EventSource,
  Farewell,
  Phase,
} from "../../lib/lifecycle/mod.ts";

/** A message of the diagnostics channels `gracewire:*`. */
export type TraceMessage = EndpointEvent & { readonly endpoint: string; readonly source: EventSource };

/** The phases of an end, in order. */
export const phaseOrder: readonly Phase[] = ["announce", "intake", "drain", "goodbye", "force", "release"];

/**
 * Reads the messages of all endpoints, one after the other, and finds what no end may look like. It keeps nothing of an
 * endpoint that has ended.
 */
export class TraceReader {
  readonly #lives: WeakMap<EventSource, Life> = new WeakMap();
  readonly #onViolation: (violation: string) => void;
  /** Endpoints that have said their farewell. */
  ended = 0;

  constructor(onViolation: (violation: string) => void) {
    this.#onViolation = onViolation;
  }

  read(message: TraceMessage): void {
    const life = this.#lifeOf(message.source);
    life.lines.push(lineOf(message));
    if (life.lines.length > lineLimit) life.lines.shift();
    for (const violation of life.read(message)) {
      this.#onViolation(`${life.name}: ${violation}\n${traceOf(life)}`);
    }
    if (message.type !== "farewell") return;
    this.ended++;
    life.lines = [life.lines.at(-1)!];
  }

  #lifeOf(source: EventSource): Life {
    let life = this.#lives.get(source);
    if (life === undefined) {
      life = new Life(source.name, source.parent === undefined ? undefined : this.#lifeOf(source.parent));
      this.#lives.set(source, life);
    }
    return life;
  }
}

const lineLimit = 100;
const ranks: Record<EndpointState, number> = {
  opening: 0,
  open: 1,
  reconnecting: 1,
  draining: 2,
  closing: 3,
  releasing: 4,
  closed: 5,
};
/** The state in which each phase runs. */
const stateOf: Record<Phase, EndpointState> = {
  announce: "draining",
  intake: "draining",
  drain: "draining",
  goodbye: "closing",
  force: "closing",
  release: "releasing",
};

/** What has been seen of one endpoint. */
class Life {
  readonly name: string;
  readonly #parent: Life | undefined;
  /** Endpoints that end with this one, and have not ended. */
  readonly #children: Set<Life> = new Set();
  readonly #phases: Phase[] = [];
  #state: EndpointState = "opening";
  /** What was louder than info since the end began. */
  #loud: EndpointEvent[] = [];
  #overflown = false;
  /** It was released before its children, or before the turn of its server. */
  #suspicions: string[] = [];
  #ended = false;
  lines: string[] = [];

  constructor(name: string, parent: Life | undefined) {
    this.name = name;
    this.#parent = parent;
    if (parent !== undefined) parent.#children.add(this);
  }

  get parent(): Life | undefined {
    return this.#parent;
  }

  *read(event: EndpointEvent): Iterable<string> {
    if (this.#ended) {
      // A handler may fail when everything is over: that is told, and nothing else.
      if (event.type !== "fault") yield `"${event.type}" comes after the farewell`;
      return;
    }
    if (event.type === "state") yield* this.#readState(event.state, event.previous);
    else if (event.type === "phase") yield* this.#readPhase(event.phase);
    else if (event.type === "farewell") yield* this.#readFarewell(event.farewell, event.level);
    else if (isLoud(event)) this.#readLoud(event);
  }

  #readLoud(event: EndpointEvent): void {
    if (ranks[this.#state] <= ranks.open) this.#overflown ||= event.type === "overflow";
    // What was dropped before is told at the end, as a sum.
    else if (event.type !== "overflow" || !this.#overflown) this.#loud.push(event);
  }

  *#readState(state: EndpointState, previous: EndpointState): Iterable<string> {
    if (previous !== this.#state) yield `it was ${this.#state}, and says that it was ${previous}`;
    const sideways = ranks[state] === 1 && ranks[previous] === 1 && state !== previous;
    if (ranks[state] <= ranks[previous] && !sideways) yield `it goes back from ${previous} to ${state}`;
    if (state === "reconnecting" && previous !== "open") yield `it reconnects when it is ${previous}`;
    this.#state = state;
  }

  *#readPhase(phase: Phase): Iterable<string> {
    const last = this.#phases.at(-1);
    if (last !== undefined && phaseOrder.indexOf(phase) <= phaseOrder.indexOf(last)) {
      yield `it enters ${phase} after ${last}`;
    }
    if (this.#state !== stateOf[phase]) yield `it enters ${phase} when it is ${this.#state}`;
    this.#phases.push(phase);
    if (phase !== "release") return;
    for (const { name } of this.#children) this.#suspicions.push(`it is released before ${name} has ended`);
    if (last === "goodbye" && isServed(this.name) && !this.#parent!.#hasBegunGoodbye()) {
      this.#suspicions.push("it has said its goodbye before the server let it");
    }
  }

  #hasBegunGoodbye(): boolean {
    return this.#phases.includes("goodbye") || this.#phases.includes("force");
  }

  *#readFarewell(farewell: Farewell, level: EventLevel): Iterable<string> {
    this.#ended = true;
    if (this.#parent !== undefined) this.#parent.#children.delete(this);
    const { cause, errors, errorsDropped, outcome, phases } = farewell;
    if (this.#state !== "closed") yield `it says its farewell when it is ${this.#state}`;
    const [told, seen] = [phases.map(({ phase }) => phase).join(" "), this.#phases.join(" ")];
    if (told !== seen) yield `its farewell tells of the phases ${told}, it was in ${seen}`;
    if (this.#phases.at(-1) !== "release") yield `its last phase is ${this.#phases.at(-1)}`;
    if (this.#children.size > 0) yield `${this.#children.size} that end with it have not ended`;
    yield* imbalances(farewell);
    // A failed end has told so. A connection that ends by itself waits for nobody.
    const excused = outcome === "failed" || isServed(this.name) && cause !== "parent";
    if (!excused) yield* this.#suspicions;
    if (outcome !== "clean") return;
    if (isLoud({ level })) yield `it is clean, and says so on level ${level}`;
    for (const { phase, ended } of phases) {
      if (ended !== "done") yield `it is clean, and ${phase} was ${ended}`;
    }
    for (const event of this.#loud) {
      // The list of a farewell is capped: beyond that it only counts.
      if (event.type === "fault" && (errorsDropped > 0 || errors.includes(event.error))) continue;
      yield `it is clean, and has said "${lineOf(event)}" on level ${event.level} while it ended`;
    }
  }
}

/** A connection of a server, as it is named. */
function isServed(name: string): boolean {
  return /^connection \d+ from /.test(name);
}

function isLoud({ level }: { readonly level: EventLevel }): boolean {
  return level === "warn" || level === "error";
}

/** What does not add up in a farewell. */
function* imbalances({ connections, messages, operations, outcome, residue }: Farewell): Iterable<string> {
  if (connections.opened !== connections.clean + connections.forced + connections.lost) {
    yield `its connections do not balance: ${JSON.stringify(connections)}`;
  }
  for (const [name, count] of Object.entries({ ...connections, ...messages, ...operations, ...residue })) {
    if (!Number.isInteger(count) || count < 0) yield `it counts ${count} for ${name}`;
  }
  if (outcome === "failed") return;
  const { acked, confirmed, dropped, published, received, rejected, returned, unconfirmed } = messages;
  const balanced = published === confirmed + rejected + unconfirmed &&
    received === acked + returned + dropped;
  if (!balanced) yield `its messages do not balance: ${JSON.stringify(messages)}`;
  if (Object.values(residue).some((count) => count > 0)) yield `it leaves ${JSON.stringify(residue)}`;
}

function traceOf(life: Life): string {
  const own = life.lines.map((line) => `    ${line}`);
  if (life.parent === undefined) return own.join("\n");
  return [...own, `  of ${life.parent.name}:`, ...life.parent.lines.map((line) => `    ${line}`)].join("\n");
}

function lineOf(event: EndpointEvent): string {
  switch (event.type) {
    case "state":
      return `state ${event.previous} -> ${event.state}`;
    case "phase":
      return `phase ${event.phase}`;
    case "farewell": {
      const { cause, outcome, phases } = event.farewell;
      return `farewell ${outcome}, ${cause}: ${
        phases.map(({ phase, ended }) => `${phase} ${ended}`).join(", ")
      }`;
    }
    case "fault":
    case "lost":
      return `${event.type} ${String(event.error)}`;
    default:
      return event.type;
  }
}
