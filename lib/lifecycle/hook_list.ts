/** A release hook or a resource of a scope. */
export interface HookReport {
  readonly name: string;
  readonly duration: number;
  /**
   * `ok`; `failed`: it threw or rejected; `cut`: it was told to stop before its time was over, and did; `timeout`: its
   * time was over, or it was told to stop and did not.
   */
  readonly ended: "ok" | "failed" | "cut" | "timeout";
}

/** Decides how a hook that was cut has ended: it counts as `timeout` until then. */
export type Verdict = (ended: "cut" | "failed", duration: number) => void;

/** Hooks that a Farewell lists. */
const capacity = 100;

/** The hooks of one Farewell. Those that did not end well stay in the list; the others make room for them. */
export class HookList {
  readonly #listed: HookReport[] = [];
  /** Those that were cut and have not settled yet. */
  readonly #cut: Set<HookReport> = new Set();
  #dropped = 0;
  #failed = false;
  #forced = false;
  #onSettled: () => void = () => {};

  /** One of them failed. */
  get failed(): boolean {
    return this.#failed || this.#cut.size > 0;
  }

  /** One of them was cut, and stopped. */
  get forced(): boolean {
    return this.#forced;
  }

  /** Those that are not in the list. */
  get dropped(): number {
    return this.#dropped;
  }

  add(report: HookReport): void {
    if (report.ended === "failed" || report.ended === "timeout") this.#failed = true;
    if (report.ended === "cut") this.#forced = true;
    this.#enter(report);
  }

  /** Enters a hook that was told to stop and that nobody waits for any longer, until it settles. */
  addCut(name: string, duration: number): Verdict {
    const report = { name, duration, ended: "timeout" as HookReport["ended"] };
    this.#cut.add(report);
    this.#enter(report);
    return (ended, duration) => {
      if (!this.#cut.delete(report)) return;
      Object.assign(report, { ended, duration });
      if (ended === "failed") this.#failed = true;
      else this.#forced = true;
      if (this.#cut.size === 0) this.#onSettled();
    };
  }

  /** Resolves when all that were cut have settled; undefined when they have. */
  settled(): Promise<void> | undefined {
    if (this.#cut.size === 0) return undefined;
    return new Promise((resolve) => this.#onSettled = resolve);
  }

  list(): readonly HookReport[] {
    return this.#listed.map((report) => ({ ...report }));
  }

  #enter(report: HookReport): void {
    if (this.#listed.length >= capacity) {
      this.#dropped++;
      if (report.ended === "ok") return;
      const at = this.#listed.findIndex(({ ended }) => ended === "ok");
      if (at < 0) return;
      this.#listed.splice(at, 1);
    }
    this.#listed.push(report);
  }
}
