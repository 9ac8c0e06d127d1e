import { Socket } from "node:net";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { runChild } from "../support/child.ts";
import { differs, runtime } from "../support/env.ts";
import { until } from "../support/until.ts";

/** Descriptors of the server's process. */
const descriptors = 128;
/** Milliseconds for which the server is watched. */
const watched = 400;

/** What the server says of the time in which nobody else gets in. */
interface Measured {
  /** Milliseconds of CPU in {@linkcode watched}. */
  readonly cpu: number;
  readonly accepted: number;
  readonly refused: number;
  readonly faults: number;
  readonly state: string;
}

/** An echo server that measures itself when it has accepted all it can. */
function program(limits: string): string {
  return `
    import { run } from "gracewire/process";
    import { serve } from "gracewire/server";
    import process from "node:process";
    const wait = (delay) => new Promise((resolve) => setTimeout(resolve, delay));
    const report = ({ farewell: { children: _, ...farewell }, exitCode }) => {
      console.log("end " + JSON.stringify({ ...farewell.connections, outcome: farewell.outcome, residue: farewell.residue }));
      process.exitCode = exitCode === 143 ? 0 : exitCode;
    };
    await run(async (scope) => {
      const server = scope.use(await serve(async (connection) => {
        for await (const chunk of connection.readable) await connection.write(chunk);
      }, { port: 0, signal: scope.draining, limits: ${limits} }));
      console.log("port " + server.address.port);
      // All of them have come when nobody else has for a while.
      for (let quiet = 0, last = 0; quiet < 6; await wait(50)) {
        const { accepted, refused } = server.inspect();
        quiet = accepted > 0 && accepted + refused === last ? quiet + 1 : 0;
        last = accepted + refused;
      }
      const before = process.cpuUsage();
      await wait(${watched});
      const { user, system } = process.cpuUsage(before);
      const { accepted, refused, faults, state } = server.inspect();
      console.log("measured " + JSON.stringify({ cpu: (user + system) / 1000, accepted, refused, faults, state }));
      await server.closed;
    }, { report });
  `;
}

/** A peer that says one byte and counts what comes back. */
class Caller {
  readonly socket: Socket = new Socket();
  readonly closed: Promise<void>;
  served = false;
  gone = false;

  #heard: () => void = () => {};

  constructor(port: number) {
    this.closed = new Promise((resolve) =>
      this.socket.once("close", () => {
        this.gone = true;
        resolve();
      })
    );
    const hear = (): void => {
      this.served = true;
      this.#heard();
    };
    this.socket.on("error", () => {}).on("data", hear).on("end", () => this.socket.end());
    this.socket.connect(port, "127.0.0.1", () => this.socket.write("?"));
  }

  /** Says one byte more and waits until it comes back. */
  ask(): Promise<void> {
    return new Promise((resolve) => {
      this.#heard = resolve;
      this.socket.write("?");
    });
  }
}

/** Sends a crowd to a server, lets all but five of it leave, and looks whether another one is served, unless none will be. */
async function besiege(
  crowd: number,
  limits: string,
  serves = true,
): Promise<{ measured: Measured; callers: Caller[]; end: object }> {
  const callers: Caller[] = [];
  let [port, again] = [0, false];
  const child = runChild(program(limits), {
    descriptors,
    timeout: 25_000,
    onOutput(stdout, { pid }) {
      const [, told] = /port (\d+)/.exec(stdout) ?? [];
      if (told !== undefined && port === 0) {
        port = Number(told);
        for (let i = 0; i < crowd; i++) callers.push(new Caller(port));
      }
      if (!again && stdout.includes("measured")) {
        again = true;
        void relieve(port, callers, serves).finally(() => process.kill(pid!, "SIGTERM"));
      }
    },
  });
  try {
    const { code, lines, stderr } = await child;
    expect({ code, stderr: stderr.replace(certificates, "") }).toEqual({ code: 0, stderr: "" });
    const told = (what: string): unknown =>
      JSON.parse(lines.find((line) => line.startsWith(what))!.slice(what.length));
    return { measured: told("measured") as Measured, callers, end: told("end") as object };
  } finally {
    for (const { socket } of callers) socket.destroy();
    await Promise.all(callers.map(({ closed }) => closed));
  }
}

/** What Deno says on a system with certificates of its own. */
const certificates = /^Warning: Ignoring extra certs .*Too many open files.*\n/m;

async function relieve(port: number, callers: Caller[], serves: boolean): Promise<void> {
  const served = callers.filter((caller) => caller.served && !caller.gone);
  for (const { socket } of served.slice(5)) socket.end();
  await Promise.all(served.slice(5).map(({ closed }) => closed));
  const another = new Caller(port);
  callers.push(another);
  if (serves) {
    return await until(() => another.served, { timeout: 10_000, what: "another caller to be served" });
  }
  // The server has turned round a few times since: those that it has accepted are served as ever.
  const [first] = served;
  for (let i = 0; i < 20; i++) await first!.ask();
}

describe(`I14 a server with ${descriptors} descriptors`, () => {
  it("is idle and goes on where its own limit keeps it from running out, on Deno too", async () => {
    const { callers, end, measured } = await besiege(90, "{ connections: 50 }");
    console.log(`${runtime}: ${measured.cpu} ms of CPU in ${watched} ms at the limit of connections`);
    expect(measured).toMatchObject({ accepted: 50, refused: 40, state: "open" });
    expect(measured.cpu).toBeLessThan(watched / 2);
    expect(callers.filter(({ served }) => served)).toHaveLength(51);
    expect(end).toEqual({
      ...{ opened: 51, clean: 51, forced: 0, lost: 0, refused: 40, outcome: "clean" },
      residue: { sockets: 0, timers: 0, listeners: 0 },
    });
  });

  if (differs.withoutDescriptors === "closes") {
    it("is idle and goes on when it has run out: Node closes what it accepts, and tells nobody", async () => {
      const { callers, end, measured } = await besiege(200, "{}");
      console.log(`node: ${measured.cpu} ms of CPU in ${watched} ms without descriptors`);
      const { accepted } = measured;
      expect(accepted).toBeGreaterThan(descriptors / 2);
      expect(accepted).toBeLessThan(descriptors);
      expect(measured).toMatchObject({ refused: 0, faults: 0, state: "open" });
      expect(measured.cpu).toBeLessThan(watched / 2);
      expect(callers.filter(({ served }) => served)).toHaveLength(accepted + 1);
      expect(end).toMatchObject({ opened: accepted + 1, clean: accepted + 1, outcome: "clean" });
    });
  }

  if (differs.withoutDescriptors === "queues") {
    it("goes on when it has run out: Bun leaves them in the queue, asks again and again, and serves them later", async () => {
      const { callers, end, measured } = await besiege(200, "{}");
      console.log(
        `bun: ${measured.cpu} ms of CPU in ${watched} ms without descriptors, all of it Bun's own`,
      );
      expect(measured.accepted).toBeGreaterThan(descriptors / 2);
      expect(measured.accepted).toBeLessThan(descriptors);
      expect(measured).toMatchObject({ refused: 0, faults: 0, state: "open" });
      expect(callers.filter(({ served }) => served).length).toBeGreaterThan(measured.accepted);
      expect(end).toMatchObject({ forced: 0, outcome: "clean" });
    });
  }

  if (differs.withoutDescriptors === "breaks") {
    it("is idle, serves whom it has and ends in order when it has run out: Deno never accepts anybody again, and tells nobody", async () => {
      const { callers, end, measured } = await besiege(200, "{}", false);
      console.log(`deno: ${measured.cpu} ms of CPU in ${watched} ms without descriptors`);
      const { accepted } = measured;
      expect(accepted).toBeGreaterThan(descriptors / 2);
      expect(accepted).toBeLessThan(descriptors);
      expect(measured).toMatchObject({ refused: 0, faults: 0, state: "open" });
      expect(measured.cpu).toBeLessThan(watched / 2);
      expect(callers.filter(({ served }) => served)).toHaveLength(accepted);
      expect(end).toMatchObject({ opened: accepted, clean: accepted, outcome: "clean" });
    });
  }
});
