import { show } from "./show.ts";

/** Tokens with dots between them. */
const plain = /^[^\s.]+(\.[^\s.]+)*$/;
const wildcard = /(^|\.)[*>](\.|$)/;
const rest = /(^|\.)>\./;

/**
 * Checks a subject to publish to.
 *
 * @throws {TypeError} naming what is wrong with it.
 */
export function checkSubject(action: string, topic: unknown): asserts topic is string {
  const wanted = "expected a subject such as orders.new, without white space, empty tokens or wildcards";
  if (typeof topic === "string" && plain.test(topic) && !wildcard.test(topic)) return;
  throw new TypeError(`Cannot ${action}: ${wanted}, got ${show(topic)}`);
}

/**
 * Checks the subjects of a subscription, which may have wildcards.
 *
 * @throws {TypeError} naming the first that is wrong.
 */
export function checkSubjects(topics: string | readonly string[]): readonly string[] {
  const list: unknown = typeof topics === "string" ? [topics] : topics;
  if (!Array.isArray(list)) {
    throw new TypeError(`Cannot subscribe: expected a subject or a list of subjects, got ${show(topics)}`);
  }
  if (list.length === 0) {
    throw new TypeError("Cannot subscribe: expected one or more subjects, got an empty list");
  }
  for (const topic of list as readonly unknown[]) {
    if (typeof topic === "string" && plain.test(topic) && !rest.test(topic)) continue;
    const wanted = "expected a subject such as orders.new, orders.* or orders.>";
    throw new TypeError(`Cannot subscribe: ${wanted}, got ${show(topic)}`);
  }
  return [...new Set(list as readonly string[])];
}
