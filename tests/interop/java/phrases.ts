const CAUGHT = "INFO TcpClient exceptionCaught, close connection.|remote address={}";

/** What the Java SDK writes into its log when connections end: level, logger, text and exceptions. */
export interface ClosePhrases {
  /** A frame without `seq`, as a goodbye or a redirect is, or a failure without a body. It closes the connection. */
  readonly npe: string;
  /** A hook that has thrown. It closes the connection. */
  readonly hook: string;
  /** A body that is no CloudEvent. It closes the connection. */
  readonly body: string;
  /** A frame that was written while the connection closed. */
  readonly unsent: string;
  /** `close` that could not do all it wanted to, without its exception. */
  readonly failed: string;
}

export const CLOSES: ClosePhrases = {
  npe: `${CAUGHT}: NullPointerException`,
  hook: `${CAUGHT}: IllegalStateException`,
  body: `${CAUGHT}: EventDeserializationException, MismatchedInputException`,
  unsent: "WARN TcpClient send msg failed: StacklessClosedChannelException",
  failed: "WARN TcpClient close tcp client failed.|remote address={}",
};

/** What it writes at a reconnect with handlers that are good for one connection only. */
export const NOT_SHARABLE =
  "WARN ChannelInitializer Failed to initialize a channel. Closing: [id]: ChannelPipelineException";
