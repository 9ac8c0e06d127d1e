import { show } from "../messaging/show.ts";
import { checkTopics } from "../messaging/topic.ts";

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
  return checkTopics(topics, {
    one: "a subject",
    many: "subjects",
    wanted: "a subject such as orders.new, orders.* or orders.>",
    fits: (topic) => plain.test(topic) && !rest.test(topic),
  });
}
