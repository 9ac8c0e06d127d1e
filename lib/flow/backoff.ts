/** How long to wait between attempts. */
export interface BackoffOptions {
  /** Milliseconds before the second attempt. @default {100} */
  readonly min?: number | undefined;
  /** Milliseconds that no wait exceeds. @default {10_000} */
  readonly max?: number | undefined;
  /** Growth from one wait to the next. @default {2} */
  readonly factor?: number | undefined;
  /** Part of the wait that is random, 0 to 1, so that many clients do not come back in step. @default {0.5} */
  readonly jitter?: number | undefined;
}

/**
 * Milliseconds to wait after failed attempt number `attempt` (the first is 1).
 *
 * @example
 * ```ts
 * import { backoffDelay } from "gracewire/flow";
 *
 * backoffDelay(3, { min: 100, jitter: 0 }); // 400
 * ```
 */
export function backoffDelay(
  attempt: number,
  options: BackoffOptions = {},
  random: () => number = Math.random,
): number {
  const { min = 100, max = 10_000, factor = 2, jitter = 0.5 } = options;
  const full = Math.min(max, min * factor ** (attempt - 1));
  return full * (1 - jitter * random());
}
