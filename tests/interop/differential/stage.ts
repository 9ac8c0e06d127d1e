import { frame, type Received } from "./frames.ts";
import { type Forecast, Line } from "./line.ts";

/** One script, played the same way to every server. */
export interface Case {
  /** Unique; the list of differences goes by it. */
  readonly name: string;
  play(stage: Stage): Promise<void>;
}

/** What one script has to play with: connections to one server, names that nobody else uses. */
export class Stage {
  readonly port: number;
  readonly topic: string;
  readonly group: string;
  readonly lines: Line[] = [];
  readonly #witness: Line;
  readonly #forecast: Forecast | undefined;

  constructor(port: number, mark: string, witness: Line, forecast?: Forecast) {
    this.#forecast = forecast;
    this.port = port;
    this.topic = `topic-${mark}`;
    this.group = `group-${mark}`;
    this.#witness = witness;
  }

  /** A connection that has said nothing yet. */
  async connect(name = ""): Promise<Line> {
    const line = await Line.dial(name, this.port, this.#forecast);
    this.lines.push(line);
    return line;
  }

  /** A connection that has said hello. */
  async open(purpose: "pub" | "sub", name = "", group: string = this.group): Promise<Line> {
    const line = await this.connect(name);
    await line.setting(async () => void await line.say("HELLO_REQUEST", agent({ purpose, group })));
    return line;
  }

  /** A connection that listens. */
  async subscribe(name: string, item: object = {}, group: string = this.group): Promise<Line> {
    const line = await this.open("sub", name, group);
    await line.setting(async () => {
      await line.say("SUBSCRIBE_REQUEST", this.items(item));
      await line.say("LISTEN_REQUEST");
    });
    return line;
  }

  /** The body of a subscription to the topic of this script. */
  items(...items: readonly object[]): string {
    const defaults = { topic: this.topic, mode: "CLUSTERING", type: "ASYNC" };
    return JSON.stringify({ topicList: items.map((item) => ({ ...defaults, ...item })) });
  }

  /** The body of an eventmeshmessage to the topic of this script. */
  message(change: object = {}): string {
    return JSON.stringify({
      topic: this.topic,
      properties: { color: "red" },
      headers: { datacontenttype: "text/plain" },
      body: "hello",
      ...change,
    });
  }

  /** The body of a CloudEvent to the topic of this script. */
  event(change: object = {}): string {
    return JSON.stringify({
      specversion: "1.0",
      id: "event-1",
      source: "/",
      type: "cloudevents",
      datacontenttype: "application/cloudevents+json",
      subject: this.topic,
      color: "red",
      data: { content: "hello" },
      ...change,
    });
  }

  /** Waits on a connection that is inside a frame, and cannot be asked, whether the server ends it at once. */
  async watch(line: Line): Promise<void> {
    await line.until(() => false, { end: "end at once", probe: this.#witness });
    line.note("end at once");
  }

  /** Everything that was sent has been answered. */
  async settled(): Promise<void> {
    for (const line of this.lines) await line.quiesce();
  }

  async strike(): Promise<void> {
    for (const line of this.lines) await line.destroy();
  }
}

/** A user agent that every server accepts. */
export function agent(change: object = {}): string {
  return JSON.stringify({
    env: "PRD",
    subsystem: "5034",
    path: "/app",
    pid: 42,
    host: "127.0.0.1",
    port: 8362,
    version: "2.0",
    username: "user",
    password: "secret",
    idc: "FT",
    group: "group",
    purpose: "pub",
    unack: 0,
    ...change,
  });
}

/** The header properties of a message command. */
export function selectors(change: object = {}): { properties: object } {
  return {
    properties: { protocoltype: "eventmeshmessage", protocolversion: "1.0", protocoldesc: "tcp", ...change },
  };
}

/** The header properties of a message command that carries a CloudEvent. */
export const cloudEvents: { properties: object } = selectors({ protocoltype: "cloudevents" });

/** Confirms a push, if there was one. */
export async function confirm(line: Line, push: Received | undefined): Promise<void> {
  if (push === undefined) return;
  const header = { cmd: `${push.header.cmd}_ACK`, code: 0, seq: push.header.seq, properties: {} };
  line.bytes(frame({ header }));
  await line.quiesce();
}
