import type { SequenceTable } from "./table.ts";

/** Windows of replies between two looks. */
const patience = 4;

/**
 * Notices that a peer goes on replying, but never to some operations: they hold places in the window for nothing. Counts
 * from look to look, as a look at all that is written costs more than a reply.
 */
export class Overtaken {
  #replies = 0;
  /** The newest number at the last look. */
  #mark = 0;

  /**
   * A reply has come. Returns whether half of the window of a connection is held by what was written before the last look,
   * and has no reply yet.
   */
  replied(
    window: number,
    written: SequenceTable<{ readonly seq: number; readonly epoch: number }>,
    connection: number,
  ): boolean {
    if (++this.#replies < patience * window) return false;
    this.#replies = 0;
    const mark = this.#mark;
    let overtaken = 0;
    written.some(({ seq, epoch }) => {
      if (epoch === connection && seq <= mark) overtaken++;
      this.#mark = Math.max(this.#mark, seq);
      return false;
    });
    return 2 * overtaken >= window;
  }
}
