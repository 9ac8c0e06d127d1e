/**
 * Flow control that knows no protocol: back-off for those who write their own retries.
 *
 * @module
 */

export { backoffDelay, type BackoffOptions } from "./backoff.ts";
