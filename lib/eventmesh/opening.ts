import { ConnectError, ConnectionLostError, PeerError } from "../errors.ts";
import { explain, lossOf, Refusal, whyOf } from "./failure.ts";
import { Session, type SessionContext, type SessionHandler } from "./session.ts";
import type { Server } from "./url.ts";
import type { Purpose } from "./wire/mod.ts";

/** How a session is opened. */
export interface OpeningOptions {
  readonly context: SessionContext;
  readonly purpose: Purpose;
  readonly group: string;
  readonly epoch: number;
  readonly handler: SessionHandler;
  /** Makes the session ready for use, after its hello: subscribes, listens. A PeerError ends the attempts. */
  setup(session: Session, signal: AbortSignal): Promise<void>;
}

/** The server wants us, and not what we want: other attempts would come to the same. */
export class SetupRefusal extends Error {
  readonly error: PeerError;

  constructor(error: PeerError) {
    super(error.message);
    this.error = error;
  }
}

/**
 * Connects to a server, says hello, and makes the session ready for use. Create-or-nothing: what it has opened is gone
 * when it rejects.
 *
 * @throws `signal.reason` itself after an abort.
 * @throws {PeerError} the server refused the hello.
 * @throws {SetupRefusal} the server refused what came after it.
 * @throws {ConnectError} for everything else.
 */
export async function openSession(
  server: Server,
  options: OpeningOptions,
  signal: AbortSignal,
): Promise<Session> {
  const { context, epoch, handler, purpose, group, setup } = options;
  signal.throwIfAborted();
  const transport = await context.options.network.dial(server.target, { signal, plain: true });
  const session = new Session(transport, server, epoch, context, handler);
  try {
    await session.hello(purpose, group, signal);
    await setup(session, signal).catch((error: unknown) => {
      throw error instanceof PeerError ? new SetupRefusal(error) : error;
    });
    if (session.alive) return session;
    throw lossOf(undefined, server.text);
  } catch (error) {
    // Decided now: what happens while the transport is freed changes nothing.
    const failure = failureOf(error, server, signal);
    session.destroy();
    await session.closed;
    throw failure;
  }
}

function failureOf(error: unknown, server: Server, signal: AbortSignal): unknown {
  if (signal.aborted && Object.is(error, signal.reason)) return error;
  if (error instanceof SetupRefusal) return error;
  const address = server.text;
  const action = `connect to ${address}`;
  if (error instanceof Refusal) return explain(error, action);
  const cause = error instanceof ConnectionLostError ? error.cause : error;
  const why = whyOf(cause as Error | undefined);
  return new ConnectError(`Cannot ${action}: ${why}`, { address, ...(cause === undefined ? {} : { cause }) });
}
