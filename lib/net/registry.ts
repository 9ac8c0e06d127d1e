import type { Socket } from "node:net";
import { startTimer } from "../lifecycle/timer.ts";

/** What a network holds at this moment. All zero when nothing is left. */
export interface OpenCounts {
  /** Streams, those still being dialled or in their TLS handshake included. */
  readonly sockets: number;
  readonly listeners: number;
  /** Timers of dials and handshakes. */
  readonly timers: number;
}

/** Tells what it holds, for reports of what was left behind. */
export interface Counted {
  open(): OpenCounts;
}

/** The own book of one network: the runtimes cannot be asked (Bun lists no resources, others hide some timers). */
export class Registry implements Counted {
  #sockets = 0;
  #listeners = 0;
  #timers = 0;

  open(): OpenCounts {
    return { sockets: this.#sockets, listeners: this.#listeners, timers: this.#timers };
  }

  /** Counts a stream until the returned function is called, the first time. */
  socket(): () => void {
    this.#sockets++;
    return once(() => this.#sockets--);
  }

  /** Counts a stream that tells itself when it leaves. */
  enter(): void {
    this.#sockets++;
  }

  leave(): void {
    this.#sockets--;
  }

  /** Counts a socket of the system until its 'close'. */
  systemSocket(socket: Socket): void {
    this.#sockets++;
    socket.on("close", this.#closed);
  }

  /** Counts a socket of the system no longer: another book does. */
  forget(socket: Socket): void {
    socket.off("close", this.#closed);
    this.#closed();
  }

  /** One for all sockets: there may be thousands of them. */
  readonly #closed = (): void => void this.#sockets--;

  /** Counts a listener until the returned function is called, the first time. */
  listener(): () => void {
    this.#listeners++;
    return once(() => this.#listeners--);
  }

  /** Calls back once after `delay` milliseconds, unless the returned function is called before. */
  startTimer(delay: number, callback: () => void): () => void {
    this.#timers++;
    const timer = startTimer(delay, () => {
      release();
      callback();
    });
    const release = once(() => {
      timer.cancel();
      this.#timers--;
    });
    return release;
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
