import { until } from "../../support/until.ts";

/** The kinds of messages that the SDK has a client for. */
export type Kind = "eventmeshmessage" | "cloudevents";
export const kinds: readonly Kind[] = ["eventmeshmessage", "cloudevents"];

/** What a line of the program says about a message that a client has received. */
export interface JavaMessage {
  readonly client: string;
  /** Null, as the data, in a message that the SDK could not read. */
  readonly topic: string | null;
  readonly data: string | null;
  readonly properties: Readonly<Record<string, string>>;
}

/** What the program answers to a command. */
export interface Answer {
  /** Classes of the exception and its causes, the outermost first. */
  readonly error?: readonly string[];
  /** The thread of the caller was left interrupted. */
  readonly interrupted: boolean;
  /** After a close: the connection that receives would still have its next heartbeat. */
  readonly beats?: boolean;
  /** Milliseconds. */
  readonly ms: number;
  readonly cmd?: string;
  readonly code?: number;
  readonly desc?: string;
  readonly topic?: string;
  readonly data?: string;
  readonly properties?: Readonly<Record<string, string>>;
  /** Of a burst: publishes that were confirmed, and the others by what became of them. */
  readonly confirmed?: number;
  readonly failures?: Readonly<Record<string, number>>;
}

/** A process that prints lines and reads lines. */
export interface LineChild {
  readonly stdout: string;
  readonly stderr: string;
  readonly running: boolean;
  type(text: string): void;
}

/** The program `Sdk.java` while it runs: clients of the Java SDK, by names. */
export class JavaSdk {
  readonly version: string;
  readonly #child: LineChild;
  readonly #answers: Map<number, Answer> = new Map();
  readonly #messages: JavaMessage[] = [];
  readonly #log: string[] = [];
  readonly #routine: Set<string> = new Set();
  #callbacks = 0;
  #read = 0;
  #count = 0;

  constructor(version: string, child: LineChild) {
    this.version = version;
    this.#child = child;
  }

  /** Carries out a command, and resolves with its answer, an exception of the SDK included. */
  async ask(client: string, what: string, args: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const id = ++this.#count;
    this.#child.type(`${JSON.stringify({ ...args, id, client, do: what })}\n`);
    await this.#until(() => this.#answers.has(id), 60_000, () => `the answer to ${what} of ${client}`);
    const answer = this.#answers.get(id)!;
    this.#answers.delete(id);
    return answer;
  }

  /** Carries out a command that has to succeed. */
  async do(client: string, what: string, args: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const answer = await this.ask(client, what, args);
    if (answer.error !== undefined) {
      throw new Error(`${client} cannot ${what}: ${answer.error.join(", ")}\n${this.#child.stderr}`);
    }
    return answer;
  }

  /** Opens a client. It has two connections, and both say the same purpose. */
  open(client: string, kind: Kind, { port }: { port: number }, group: string = client): Promise<Answer> {
    return this.do(client, "open", { kind, port, group });
  }

  /** Lets a client receive a topic. */
  async listen(
    client: string,
    topic: string,
    how: { mode?: string; type?: string; reply?: string; fails?: boolean } = {},
  ): Promise<void> {
    const { mode = "CLUSTERING", type = "ASYNC", ...hook } = how;
    await this.do(client, "hook", hook);
    await this.do(client, "subscribe", { topic, mode, type });
    await this.do(client, "listen");
  }

  /** What a client has received of a topic. */
  received(client: string, topic: string | null): readonly JavaMessage[] {
    this.#take();
    return this.#messages.filter((message) => message.client === client && message.topic === topic);
  }

  /** Waits until a client has received so many messages of a topic. */
  async receives(client: string, topic: string | null, count = 1): Promise<readonly JavaMessage[]> {
    const what = () =>
      `${count} messages of ${topic} at ${client}, got ${this.received(client, topic).length}`;
    await this.#until(() => this.received(client, topic).length >= count, 20_000, what);
    return this.received(client, topic);
  }

  /** Calls of the callbacks of `asyncRR`. */
  get callbacks(): number {
    this.#take();
    return this.#callbacks;
  }

  /** What the SDK says in any case, as warnings: that a push is no answer, and that an answer is no push. */
  get routine(): readonly string[] {
    this.#take();
    return [...this.#routine].sort();
  }

  /** Takes what the SDK has written into its log since the last time, beside its routine. */
  complaints(): readonly string[] {
    this.#take();
    return this.#log.splice(0);
  }

  /** Waits until the SDK has written so many lines into its log, and takes them, sorted. */
  async complains(count: number): Promise<readonly string[]> {
    await this.#until(
      () => this.#log.length >= count,
      20_000,
      () => `${count} lines, got:\n${this.#log.join("\n")}`,
    );
    return [...this.complaints()].sort();
  }

  async #until(condition: () => boolean, timeout: number, what: () => string): Promise<void> {
    const met = (): boolean => {
      this.#take();
      if (condition()) return true;
      if (!this.#child.running) throw new Error(`The Java program has ended:\n${this.#child.stderr}`);
      return false;
    };
    await until(met, { timeout, what: () => `${what()}\n${this.#child.stderr}` });
  }

  /** Reads the lines that have come. */
  #take(): void {
    const { stdout } = this.#child;
    for (let end = stdout.indexOf("\n", this.#read); end >= 0; end = stdout.indexOf("\n", this.#read)) {
      const line = JSON.parse(stdout.slice(this.#read, end));
      this.#read = end + 1;
      if (line.event === "message") this.#messages.push(line);
      else if (line.event === "callback") this.#callbacks++;
      else if (line.event === "log") this.#hear(spoken(line));
      else if (line.event === undefined) this.#answers.set(line.id, line);
    }
  }

  #hear(line: string): void {
    if (/^\w+ AbstractEventMeshTCPSubHandler msg ignored/.test(line)) this.#routine.add(line);
    else this.#log.push(line);
  }
}

/** A line of the log: level, logger, text without its arguments, and the exception with its causes. */
function spoken(line: { level: string; logger: string; format: string; thrown?: readonly string[] }): string {
  const thrown = line.thrown === undefined ? "" : `: ${line.thrown.join(", ")}`;
  return `${line.level} ${line.logger} ${line.format.replace(/\[id: .*?\]/, "[id]")}${thrown}`;
}
