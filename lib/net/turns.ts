/**
 * Runs tasks in order, each after the code that asked for it: all that are waiting in one turn of the event loop, and
 * what they ask for in the next. Two streams that answer each other for ever therefore never hold up timers and sockets,
 * as microtasks would.
 */
export class Turns {
  #waiting: (() => void)[] = [];

  /** Runs a task in the next turn. It must not throw. */
  next(task: () => void): void {
    if (this.#waiting.push(task) === 1) setImmediate(this.#run);
  }

  readonly #run = (): void => {
    const tasks = this.#waiting;
    this.#waiting = [];
    for (const task of tasks) task();
  };
}
