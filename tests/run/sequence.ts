/**
 * In which order test files run, and in which of several runs: the slowest begin, so that none of them is what is waited
 * for in the end.
 *
 * @module
 */
import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Seconds that files take, about, where it is more than two. Any other takes one. */
const slow: readonly (readonly [path: string, seconds: number])[] = [
  ["tests/endurance/scale", 14],
  ["tests/endurance/clients", 12],
  ["tests/endurance/soak", 10],
  ["tests/endurance/", 5],
  ["tests/invariants/i07_conservation", 9],
  ["tests/invariants/i09", 6],
  ["tests/invariants/i13_stampede", 4],
  ["tests/invariants/i11_exit", 4],
  ["tests/process/signals", 4],
  ["tests/sweep/", 4],
  ["tests/cli/", 4],
  ["tests/faults/", 4],
  ["tests/contracts/opening", 3],
  ["tests/contracts/ending_client", 3],
  ["tests/contracts/endpoint_client", 3],
];

/** Longest first; the files are dealt to as many runs as there are, so that each takes as long as the others. */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve([...files].sort((a, b) => this.#seconds(b) - this.#seconds(a) || order(a, b)));
  }

  override async shard(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { count = 1, index = 1 } = this.ctx.config.shard ?? {};
    const runs = Array.from({ length: count }, () => ({ files: [] as TestSpecification[], seconds: 0 }));
    for (const file of await this.sort(files)) {
      const shortest = runs.reduce((least, run) => run.seconds < least.seconds ? run : least);
      shortest.files.push(file);
      shortest.seconds += this.#seconds(file);
    }
    return runs[index - 1]!.files;
  }

  #seconds({ moduleId }: TestSpecification): number {
    const path = relative(this.ctx.config.root, moduleId).replaceAll("\\", "/");
    return slow.find(([start]) => path.startsWith(start))?.[1] ?? 1;
  }
}

function order(a: TestSpecification, b: TestSpecification): number {
  return a.moduleId < b.moduleId ? -1 : 1;
}
