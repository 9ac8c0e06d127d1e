/**
 * The handle of a process that keeps vitest warm, for one copy of the tree.
 *
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { servant } from "../../run/job.mjs";

/**
 * @typedef {import("./servant.mjs").Order} Order
 * @typedef {import("./servant.mjs").Outcome} Outcome
 */

/** Runs tests in one copy of the tree, in a process that is started when it is needed, and again when it had to be killed. */
export class Warm {
  /** @type {import("../../run/job.mjs").Servant | undefined} */
  #servant;
  /** @type {string} */
  #directory;
  /** @type {Record<string, string>} */
  #env;

  /**
   * @param {string} directory The tree.
   * @param {Record<string, string>} env
   */
  constructor(directory, env) {
    this.#directory = directory;
    this.#env = env;
  }

  /**
   * @param {Order} order
   * @param {number} timeout Milliseconds after which the process is killed.
   * @returns {Promise<Outcome | string>} Text that says how the process ended, if it did.
   */
  async run(order, timeout) {
    const { child, ended } = this.#servant ??= await this.#start();
    let late = false;
    /** @type {Promise<Outcome>} */
    const answer = new Promise((resolve) =>
      child.once("message", (message) => resolve(/** @type {any} */ (message)))
    );
    child.send(order);
    const timer = setTimeout(() => {
      late = true;
      this.end();
    }, timeout);
    const outcome = await Promise.race([answer, ended]);
    clearTimeout(timer);
    child.removeAllListeners("message");
    if (typeof outcome === "string") this.#servant = undefined;
    return late ? `killed after ${timeout} ms` : outcome;
  }

  end() {
    this.#servant?.kill();
    this.#servant = undefined;
  }

  async #start() {
    const script = fileURLToPath(new URL("./servant.mjs", import.meta.url));
    const started = servant(process.execPath, [script, this.#directory], {
      cwd: this.#directory,
      env: this.#env,
    });
    const ready = new Promise((resolve) => started.child.once("message", resolve));
    const wrong = await Promise.race([ready, started.ended]);
    if (wrong !== "ready") throw new Error(`The process that runs the tests ended: ${wrong}`);
    return started;
  }
}
