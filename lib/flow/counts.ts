/** What became of the operations of an `Exchange`. */
export interface ExchangeCounts {
  /** Written at least once. `published = confirmed + rejected + unconfirmed` when nothing is pending. */
  published: number;
  confirmed: number;
  rejected: number;
  unconfirmed: number;
  settled: number;
  aborted: number;
  refused: number;
  /** Replies that came after their operation had ended. */
  late: number;
}

/** Counts of an exchange that has not done anything. */
export function zeroCounts(): ExchangeCounts {
  return {
    published: 0,
    confirmed: 0,
    rejected: 0,
    unconfirmed: 0,
    settled: 0,
    aborted: 0,
    refused: 0,
    late: 0,
  };
}
