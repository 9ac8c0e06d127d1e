/**
 * A program that is killed at random: a broker, a server on a unix socket, clients of both, hooks, and no end of traffic.
 * It prints each of its steps, so that whoever kills it knows where it stands. Arguments: the path of the socket, and
 * `print` to leave the report to `run`.
 */
import process from "node:process";
import { startBroker } from "gracewire/broker";
import { connect } from "gracewire/eventmesh";
import type { Endpoint, Scope } from "gracewire/lifecycle";
import { systemNetwork } from "gracewire/net";
import { run, type RunResult } from "gracewire/process";
import { serve } from "gracewire/server";

const [path = "", mode = "report"] = process.argv.slice(2);
const network = systemNetwork();
let steps = 0;

await run(main, mode === "print" ? {} : { report });
say(`over, listeners: ${process.listenerCount("SIGINT") + process.listenerCount("SIGTERM")}`);

async function main(scope: Scope): Promise<void> {
  scope.draining.addEventListener("abort", () => say(`draining ${scope.draining.reason.signal}`));
  scope.signal.addEventListener("abort", () => say(`stop ${scope.signal.reason.signal}`));
  say("begun");
  const { draining: signal } = scope;
  hook(scope, "first");
  const broker = own(scope, await startBroker({ port: 0 }));
  step();
  hook(scope, "second", 20);
  const server = own(
    scope,
    await serve(async (connection) => {
      for await (const chunk of connection.readable) {
        await sleep(2);
        await connection.write(chunk);
      }
    }, { path, network }),
  );
  step();
  hook(scope, "third");
  const connection = own(scope, await connect(broker.url, { signal }));
  step();
  const orders = own(scope, await connection.subscribe("orders"));
  void orders.consume(() => sleep(3), { concurrency: 2 });
  const questions = own(scope, await connection.subscribe("questions", { type: "sync" }));
  void questions.consume((message) => `reply to ${message.text()}`);
  hook(scope, "fourth", 10);
  step();
  const peer = await network.dial(server.address, { signal });
  peer.start({ data: () => step(), end: () => peer.end(), drain() {} });
  hook(scope, "fifth");
  await Promise.all([
    forever(signal, () => connection.publish("orders", "an order", { signal })),
    forever(signal, () => connection.request("questions", "why", { signal })),
    forever(signal, () => peer.write(new Uint8Array(16))),
  ]);
}

/** One more Farewell for that of the scope. */
function own<T extends Endpoint>(scope: Scope, endpoint: T): T {
  scope.use(endpoint);
  say("child");
  return endpoint;
}

/** Prints its name when it is freed, and again when it has taken its time. */
function hook(scope: Scope, name: string, milliseconds = 0): void {
  scope.defer(async () => {
    say(`freed ${name}`);
    if (milliseconds > 0) await sleep(milliseconds);
  });
  say(`owned ${name}`);
}

async function forever(signal: AbortSignal, operation: () => unknown): Promise<void> {
  while (!signal.aborted) {
    await operation();
    step();
    await sleep(1);
  }
}

function report({ farewell, failure, signal, exitCode }: RunResult): void {
  const error = failure === undefined ? undefined : String(failure.error);
  say(`result ${JSON.stringify({ farewell, error, signal, exitCode })}`);
}

function step(): void {
  say(`step ${++steps}`);
}

function say(text: string): void {
  console.log(text);
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
