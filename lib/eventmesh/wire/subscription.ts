import * as v from "valibot";
import type { Packet } from "./packet.ts";
import { checked, filled, received, record } from "./validate.ts";

/** Who of a group gets a message: one of its clients, or all. */
export type SubscriptionMode = "CLUSTERING" | "BROADCASTING";

/** What is subscribed to: messages, or requests that want a reply. */
export type SubscriptionType = "ASYNC" | "SYNC";

/** One topic of a subscription. Source: `SubscriptionItem.java` of Apache EventMesh 1.12. */
export interface SubscriptionItem {
  /** Not empty. */
  readonly topic: string;
  /** @default {"CLUSTERING"} */
  readonly mode?: SubscriptionMode | undefined;
  /** @default {"ASYNC"} */
  readonly type?: SubscriptionType | undefined;
}

/** A topic as a peer sent it. The topic may be empty; a number becomes text, as in the runtime. */
export interface ReceivedSubscriptionItem {
  readonly topic: string;
  /** Missing becomes CLUSTERING. */
  readonly mode: SubscriptionMode | "UNRECOGNIZED";
  /** Missing becomes ASYNC. */
  readonly type: SubscriptionType | "UNRECOGNIZED";
}

const local = v.object({
  topicList: v.pipe(
    v.array(
      v.object({
        topic: filled,
        mode: v.optional(
          v.picklist(["CLUSTERING", "BROADCASTING"], '"CLUSTERING" or "BROADCASTING"'),
          "CLUSTERING",
        ),
        type: v.optional(v.picklist(["ASYNC", "SYNC"], '"ASYNC" or "SYNC"'), "ASYNC"),
      }, "an object with a topic"),
      "an array",
    ),
    v.minLength(1, "an array with at least one item"),
  ),
});

const mode = v.picklist(["CLUSTERING", "BROADCASTING", "UNRECOGNIZED"], "a mode by its exact name");
const type = v.picklist(["ASYNC", "SYNC", "UNRECOGNIZED"], "a type by its exact name");

const remote = v.object({
  topicList: v.nullish(
    v.array(
      v.pipe(
        record,
        v.object({
          topic: v.pipe(
            v.nullish(v.union([v.string(), v.number(), v.boolean()], "a string"), ""),
            v.transform(String),
          ),
          mode: v.nullish(mode, "CLUSTERING"),
          type: v.nullish(type, "ASYNC"),
        }),
      ),
      "an array",
    ),
    [],
  ),
});

/** Returns the body of SUBSCRIBE_REQUEST. Throws TypeError naming a wrong field. */
export function encodeSubscription(items: readonly SubscriptionItem[]): string {
  return JSON.stringify(checked(local, { topicList: items }, "a subscription"));
}

/**
 * Reads the items of a SUBSCRIBE_REQUEST or UNSUBSCRIBE_REQUEST, none when its list is missing. Undefined when there is no
 * body. Throws ProtocolError when the body is no subscription; names of modes and types are case-sensitive.
 */
export function decodeSubscription(packet: Packet): ReceivedSubscriptionItem[] | undefined {
  return received(remote, packet)?.topicList;
}
