import { show } from "./show.ts";

/** What a protocol calls a topic, and which ones it takes. */
export interface TopicRule {
  /** `a topic` and `topics`. */
  readonly one: string;
  readonly many: string;
  /** What is wanted of each, for people. */
  readonly wanted: string;
  fits(topic: string): boolean;
}

/**
 * Checks the topics of a subscription, and returns each of them once.
 *
 * @throws {TypeError} naming the first that is wrong.
 */
export function checkTopics(topics: unknown, { one, many, wanted, fits }: TopicRule): readonly string[] {
  const list: unknown = typeof topics === "string" ? [topics] : topics;
  if (!Array.isArray(list)) {
    throw new TypeError(`Cannot subscribe: expected ${one} or a list of ${many}, got ${show(topics)}`);
  }
  if (list.length === 0) {
    throw new TypeError(`Cannot subscribe: expected one or more ${many}, got an empty list`);
  }
  for (const topic of list as readonly unknown[]) {
    if (typeof topic === "string" && fits(topic)) continue;
    throw new TypeError(`Cannot subscribe: expected ${wanted}, got ${show(topic)}`);
  }
  return [...new Set(list as readonly string[])];
}
