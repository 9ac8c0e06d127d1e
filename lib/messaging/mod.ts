/**
 * Messages, and how they are delivered: once for all protocols.
 *
 * @module
 */

export type {
  ConsumeOptions,
  HandlerContext,
  MessageConnection,
  MessageData,
  MessageHandler,
  OperationOptions,
  OverflowPolicy,
  PublishOptions,
  RequestOptions,
  SubscribeOptions,
  Subscription,
} from "./connection.ts";
export type { Message } from "./message.ts";
export type { StandardResult, StandardSchemaV1 } from "./schema.ts";
