import { once } from "node:events";
import { Socket } from "node:net";
import { Worker } from "node:worker_threads";
import { differs } from "../support/env.ts";
import { turns } from "../support/until.ts";

/** A port of this machine where connects stay pending: its queue is full and nobody accepts. */
export interface Blackhole {
  readonly port: number;
  close(): Promise<void>;
}

/** Listens in a thread of its own, puts that thread to sleep, and fills the queue of the port. */
export async function blackhole(): Promise<Blackhole> {
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(program, { eval: true, workerData: bell.buffer });
  const [port] = await once(worker, "message");
  const fill: Socket[] = [];
  for (let i = 0; i < (differs.ignoresBacklog ? 600 : 8); i++) {
    const socket = new Socket().on("error", () => {});
    fill.push(socket.connect(port, "127.0.0.1"));
  }
  await turns(20);
  return {
    port,
    async close() {
      const gone = fill.map((socket) => new Promise((resolve) => socket.once("close", resolve)));
      for (const socket of fill) socket.destroy();
      await Promise.all(gone);
      Atomics.store(bell, 0, 1);
      Atomics.notify(bell, 0);
      await worker.terminate();
    },
  };
}

const program = `
  const { createServer } = require("node:net");
  const { parentPort, workerData } = require("node:worker_threads");
  const server = createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(workerData), 0, 0));
  });
`;
