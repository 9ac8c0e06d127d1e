import type { PermissionViolationError } from "@nats-io/nats-core/internal";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { TimerWheel } from "../lifecycle/wheel.ts";
import type { ResolvedOptions } from "./options.ts";

/** Who is told what happens on a link. */
export interface LinkHandler {
  /** The server can be written to: life number `epoch`. */
  opened(epoch: number): void;
  full(): void;
  drain(): void;
  /** The transport is gone. */
  lost(cause: Error, epoch: number): void;
  /** Something that was published is not allowed. */
  denied(error: PermissionViolationError): void;
  /** There will be no connection any more. */
  terminal(error: Error): void;
}

/** What a link is made of. */
export interface LinkOptions {
  readonly options: ResolvedOptions;
  readonly wheel: TimerWheel;
  readonly servers: readonly LinkServer[];
  readonly lifecycle: Lifecycle;
  readonly handler: LinkHandler;
  /** Whoever makes it says when it is ready for use, with `announce`; until then it does not come back after a loss. */
  readonly silent?: boolean | undefined;
}

/** A server of the cluster. */
export interface LinkServer {
  /** Host and port. */
  readonly listen: string;
  /** Name in its certificate, where it is not the host. */
  readonly tlsName: string;
}

/** Told the answer to a PING. */
export interface PongHandler {
  resolve(): void;
  reject(error: Error): void;
}
