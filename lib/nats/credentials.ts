import {
  type Authenticator,
  type ConnectionOptions,
  credsAuthenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/nats-core/internal";
import { ignoreRejection, isThenable } from "../lifecycle/deferred.ts";
import { toError } from "../net/thrown.ts";
import type { ResolvedOptions } from "./options.ts";

/** The caller's authenticator is none: no other server makes up for that. */
export class AuthenticatorError extends TypeError {}

/** What the official client is given. It writes into its options: they are made for it. */
export function officialOptions(
  options: ResolvedOptions,
  servers: readonly string[],
  fail: (error: Error) => void,
): ConnectionOptions {
  const { name, heartbeat, missedHeartbeats, inboxPrefix, echo, discover, tls } = options;
  const authenticators = authenticatorsOf(options.auth);
  return {
    servers: [...servers],
    name,
    inboxPrefix,
    noEcho: !echo,
    ignoreClusterUpdates: !discover,
    // A timer of an infinite delay would fire at once.
    pingInterval: Math.min(heartbeat, 2 ** 31 - 1),
    maxPingOut: missedHeartbeats,
    noAsyncTraces: true,
    noRandomize: true,
    resolve: false,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    ...(tls === undefined ? {} : { tls: {} }),
    authenticator: authenticators.map((authenticator) => (nonce?: string) => {
      try {
        return made(authenticator(nonce));
      } catch (error) {
        // The client would close the connection for good: this attempt has failed, the next one may have other credentials.
        fail(toError(error));
      }
    }) as Authenticator[],
  };
}

/**
 * Checks a key and a credentials file. They stay what they are: one that cannot be read is no failure to connect.
 *
 * @throws {TypeError} naming the option, without what was given.
 */
export function checkCredentials({ creds, nkey }: ResolvedOptions["auth"]): void {
  if (nkey !== undefined) check("nkey", "the seed of an nkey", nkeyAuthenticator(bytesOf(nkey)));
  if (creds !== undefined) {
    check("creds", "the contents of a credentials file", credsAuthenticator(bytesOf(creds)));
  }
}

function check(option: string, wanted: string, authenticator: Authenticator): void {
  try {
    authenticator();
  } catch {
    // Without a cause: nothing of a secret is to be shown.
    throw new TypeError(`Cannot use option "${option}": expected ${wanted}, got what cannot be read as one`);
  }
}

/** The client does not wait: it would log in without credentials. */
function made<T>(credentials: T): T {
  if (!isThenable(credentials)) return credentials;
  ignoreRejection(credentials);
  throw new AuthenticatorError(
    'Cannot use option "authenticator": expected a function that is synchronous and returns credentials, got a promise',
  );
}

function authenticatorsOf(auth: ResolvedOptions["auth"]): Authenticator[] {
  const { authenticator, creds, jwt, nkey, pass, token, user } = auth;
  const own = authenticator === undefined ? [] : [authenticator].flat() as Authenticator[];
  const seed = nkey === undefined ? undefined : bytesOf(nkey);
  return [
    ...own,
    ...(creds === undefined ? [] : [credsAuthenticator(bytesOf(creds))]),
    ...(jwt === undefined ? [] : [jwtAuthenticator(jwt, seed)]),
    ...(seed === undefined || jwt !== undefined ? [] : [nkeyAuthenticator(seed)]),
    ...(token === undefined ? [] : [tokenAuthenticator(token)]),
    ...(user === undefined ? [] : [usernamePasswordAuthenticator(user, pass)]),
  ];
}

function bytesOf(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array(value);
}
