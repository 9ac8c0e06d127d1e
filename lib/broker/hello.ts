import { ProtocolError } from "../errors.ts";
import {
  decodeUserAgent,
  type Packet,
  PUBLISH_WINDOW,
  type ReceivedUserAgent,
} from "../eventmesh/wire/mod.ts";
import { missing, refused } from "./refusals.ts";
import type { Session } from "./session.ts";

/** Longest name of a group, in characters. */
const maxGroup = 1_024;

/** HELLO_REQUEST: the client says who it is. The first one counts; further ones must be good, and change nothing. */
export function hello(session: Session, packet: Packet): void {
  if (session.greeting) return session.refuse(packet, refused("hello is being processed"));
  const known = session.identity !== undefined;
  const agent = session.closing && !known ? notRunning : readAgent(session, packet);
  if (typeof agent === "string") return turnAway(session, packet, agent);
  if (known) return session.succeed(packet, welcomeProperties(session));
  const { authenticate } = session.settings;
  if (authenticate === undefined) return admit(session, packet, agent);
  const controller = new AbortController();
  session.greet((reason) => controller.abort(reason));
  void examine(session, packet, agent, controller.signal);
}

/** Asks the user. What the user's function throws refuses the client and is not told to it: it may name secrets. */
async function examine(
  session: Session,
  packet: Packet,
  agent: ReceivedUserAgent,
  signal: AbortSignal,
): Promise<void> {
  let verdict: boolean | string | void;
  try {
    verdict = await session.settings.authenticate!(agent, { signal });
  } catch {
    verdict = false;
  }
  if (signal.aborted) return;
  session.core.tick();
  if (verdict === undefined || verdict === true) return admit(session, packet, agent);
  turnAway(session, packet, refused(typeof verdict === "string" ? verdict : "authentication failed"));
}

function admit(session: Session, packet: Packet, agent: ReceivedUserAgent): void {
  if (session.closing) return turnAway(session, packet, notRunning);
  const group = agent.group!;
  const purpose = agent.purpose === "sub" ? "sub" : "pub";
  const subscriber = purpose === "sub" ? session.core.enter(session.id, group, session) : undefined;
  if (purpose === "sub" && subscriber === undefined) {
    return turnAway(session, packet, refused("too many groups"));
  }
  session.welcome({ group, purpose, subsystem: agent.subsystem ?? "" }, subscriber);
  session.succeed(packet, welcomeProperties(session));
}

function turnAway(session: Session, packet: Packet, why: string): void {
  session.refuse(packet, why);
  session.finish();
}

/** The user agent, with the address that the connection has, or what is wrong with it. */
function readAgent(session: Session, packet: Packet): ReceivedUserAgent | string {
  try {
    const agent = decodeUserAgent(packet);
    if (agent === undefined) return missing("user agent");
    const { version, purpose, group = "" } = agent;
    if (version === undefined) return missing("version of the user agent");
    if (purpose !== "pub" && purpose !== "sub") {
      return refused('client purpose config is error: expected "pub" or "sub"');
    }
    if (group.trim() === "") return refused("client group is blank");
    if (group.length > maxGroup) return refused(`client group is longer than ${maxGroup} characters`);
    const { remote } = session.connection;
    const [, host = remote, port = "0"] = /^\[?(.*?)\]?:(\d+)$/.exec(remote) ?? [];
    return { ...agent, host, port: Number(port) };
  } catch (error) {
    if (error instanceof ProtocolError) return refused(error.message);
    throw error;
  }
}

function welcomeProperties({ settings }: Session): Readonly<Record<string, string>> {
  return { [PUBLISH_WINDOW]: String(settings.window) };
}

const notRunning = refused("server state is not running, maybe deploying...");
