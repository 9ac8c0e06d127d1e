import process from "node:process";
import * as v from "valibot";
import type { SubmitOptions } from "../flow/operation.ts";
import type { AbortOptions } from "../lifecycle/endpoint.ts";
import { checkNames } from "../lifecycle/option.ts";
import type { PublishOptions, SubscribeOptions } from "../messaging/connection.ts";
import {
  checkObject,
  checkOptions,
  checkProperties,
  checkSignal,
  count,
  duration,
  interval,
  reconnect,
  type ReconnectOptions,
  resolveOperation,
  subscribeNames,
  text,
  tlsWith,
  wrong,
} from "../messaging/option.ts";
import { systemNetwork } from "../net/system.ts";
import type { Network, TlsConnectOptions } from "../net/transport.ts";
import { VERSION } from "../version.ts";
import { type EventProtocol, MAX_FRAME, type SubscriptionMode, type SubscriptionType } from "./wire/mod.ts";

export type { ReconnectOptions } from "../messaging/option.ts";

/** Options of {@linkcode connect}. Durations are milliseconds. One that there is not is a TypeError. */
export interface EventMeshOptions extends AbortOptions {
  /**
   * Bounds the call: connecting and hello, over all servers of the list. A server of a list that does not answer gets its
   * share of it, 5 s at most. @default {20_000}
   */
  readonly timeout?: number | undefined;
  /**
   * Members of a group share the messages of their topics; every group gets a copy. Also a parameter of the URL.
   * @default {"gracewire"}
   */
  readonly group?: string | undefined;
  /** Name of the application. @default {"gracewire"} */
  readonly subsystem?: string | undefined;
  /** Data centre. @default {"DEFAULT"} */
  readonly idc?: string | undefined;
  /** Environment. @default {"PRD"} */
  readonly env?: string | undefined;
  /** Where the application is installed; the administrator of a runtime can redirect by it. @default {"/"} */
  readonly path?: string | undefined;
  /** Given to the server's access control. Also in the URL. @default {""} */
  readonly username?: string | undefined;
  /** @default {""} */
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /**
   * How messages are written; they are read either way. In `cloudevents` data that is JSON travels as JSON: a runtime parses
   * it and writes it anew. @default {"eventmeshmessage"}
   */
  readonly protocol?: EventProtocol | undefined;
  /** Publishes that may be unconfirmed at a time. @default {what the server advertises, else 20} */
  readonly window?: number | undefined;
  /**
   * Publishes that may wait for their turn at a time, beyond the window or while there is no connection, and as many
   * requests; more are refused with an OverflowError. @default {100_000}
   */
  readonly maxWaiting?: number | undefined;
  /**
   * Milliseconds between heartbeats; `Infinity` for none. The runtime ends a session after 60 s without one.
   * @default {20_000}
   */
  readonly heartbeat?: number | undefined;
  /** Heartbeats that may stay unanswered, with nothing else received, before the server counts as dead. @default {2} */
  readonly missedHeartbeats?: number | undefined;
  /** How to come back after a loss; false ends the connection instead. @default {{}} */
  readonly reconnect?: false | ReconnectOptions | undefined;
  /** TLS settings of `eventmesh+tls:` servers. With them a server of scheme `eventmesh:` is a TypeError. */
  readonly tls?: TlsConnectOptions | undefined;
  /** Largest frame, in bytes, to be sent or accepted. @default {4_194_304, the most that a runtime accepts} */
  readonly maxFrame?: number | undefined;
  /** Where connections are made: the system's sockets, or a network in memory. @default {systemNetwork()} */
  readonly network?: Network | undefined;
}

/** Options of `subscribe` that only EventMesh has. */
export interface EventMeshSubscribeOptions extends SubscribeOptions {
  /** `clustering`: one member of the group gets a message; `broadcasting`: each. @default {"clustering"} */
  readonly mode?: "clustering" | "broadcasting" | undefined;
  /** `sync`: requests are received too, and may be responded to. @default {"async"} */
  readonly type?: "async" | "sync" | undefined;
  /** The group of this subscription. @default {the group of the connection} */
  readonly group?: string | undefined;
}

/** Complete and checked options. */
export interface ResolvedOptions {
  readonly timeout: number;
  readonly agent: ResolvedAgent;
  readonly protocol: EventProtocol;
  readonly window: number | undefined;
  readonly maxWaiting: number;
  readonly heartbeat: number;
  readonly missedHeartbeats: number;
  readonly reconnect: false | ReconnectOptions;
  readonly tls: TlsConnectOptions;
  readonly maxFrame: number;
  readonly network: Network;
}

/** The part of the hello that does not depend on the connection. */
export interface ResolvedAgent {
  readonly env: string;
  readonly subsystem: string;
  readonly path: string;
  readonly pid: number;
  readonly version: string;
  readonly username: string;
  readonly password: string;
  readonly token?: string | undefined;
  readonly idc: string;
  readonly group: string;
}

const filled = "a string that is not blank";
const name = v.pipe(v.string(filled), v.regex(/\S/, filled));
const bytes = "a whole number of bytes, from 1024 to 2147483647";

const schema = v.strictObject({
  timeout: v.optional(duration, 20_000),
  group: v.optional(name, "gracewire"),
  subsystem: v.optional(name, "gracewire"),
  idc: v.optional(name, "DEFAULT"),
  env: v.optional(name, "PRD"),
  path: v.optional(name, "/"),
  username: v.optional(text, ""),
  password: v.optional(text, ""),
  token: v.optional(text),
  protocol: v.optional(
    v.picklist(["eventmeshmessage", "cloudevents"], '"eventmeshmessage" or "cloudevents"'),
    "eventmeshmessage",
  ),
  window: v.optional(count),
  maxWaiting: v.optional(count, 100_000),
  heartbeat: v.optional(interval, 20_000),
  missedHeartbeats: v.optional(count, 2),
  reconnect: v.optional(reconnect, {}),
  tls: v.optional(tlsWith(), {}),
  // Below that the hello itself does not fit; above it is no length of a frame.
  maxFrame: v.optional(
    v.pipe(v.number(bytes), v.integer(bytes), v.minValue(1_024, bytes), v.maxValue(2 ** 31 - 1, bytes)),
    MAX_FRAME,
  ),
});

/**
 * Fills in the defaults. What a URL says goes before the options.
 *
 * @throws {TypeError | RangeError} naming the option, what was given and what is wanted.
 */
export function resolveOptions(options: EventMeshOptions, fromUrl: Partial<ResolvedAgent>): ResolvedOptions {
  checkObject(options);
  checkSignal(options.signal);
  const { signal: _signal, network = systemNetwork(), ...rest } = options;
  if (typeof network?.dial !== "function") {
    throw wrong("network", "a network, such as systemNetwork()", network);
  }
  const {
    timeout,
    protocol,
    window,
    maxWaiting,
    heartbeat,
    missedHeartbeats,
    reconnect,
    tls,
    maxFrame,
    ...agent
  } = checkOptions(schema, { ...rest, ...fromUrl });
  return {
    timeout,
    protocol,
    window,
    maxWaiting,
    heartbeat,
    missedHeartbeats,
    reconnect,
    tls,
    maxFrame,
    network,
    agent: { ...agent, pid: process.pid, version: VERSION },
  };
}

const subscribeSchema = v.object({
  mode: v.optional(
    v.picklist(["clustering", "broadcasting"], '"clustering" or "broadcasting"'),
    "clustering",
  ),
  type: v.optional(v.picklist(["async", "sync"], '"async" or "sync"'), "async"),
  group: v.optional(name),
  timeout: v.optional(duration, 20_000),
});

/** What a caller of `subscribe` asks for, in the names of the wire. */
export function resolveSubscribe(options: EventMeshSubscribeOptions): {
  readonly mode: SubscriptionMode;
  readonly type: SubscriptionType;
  readonly group?: string;
  readonly timeout: number;
} {
  checkNames(options, [...subscribeNames, "mode", "type", "group"], {
    queue: 'who shares the messages of a topic is a "group" in EventMesh',
  });
  checkSignal(options.signal);
  const { mode, type, group, timeout } = checkOptions(subscribeSchema, {
    mode: options.mode,
    type: options.type,
    group: options.group,
    timeout: options.timeout,
  });
  return {
    mode: mode === "clustering" ? "CLUSTERING" : "BROADCASTING",
    type: type === "async" ? "ASYNC" : "SYNC",
    timeout,
    ...(group === undefined ? {} : { group }),
  };
}

/** What a caller of `publish`, `request` or `recommend` asks for. By hand: this runs once per message. */
export function resolvePublish(options: PublishOptions, defaultTimeout: number): SubmitOptions {
  const submit = resolveOperation(options, defaultTimeout);
  const { id, properties } = options;
  if (id !== undefined && (typeof id !== "string" || id === "")) {
    throw wrong("id", "a string that is not empty", id);
  }
  if (properties !== undefined) checkProperties(properties);
  return submit;
}
