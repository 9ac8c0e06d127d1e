import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { UnsupportedError } from "../errors.ts";

const name = "@nats-io/nats-core";
/** The minor that is built on: what is replaced in it is not part of its public interface. */
const wanted = "3.4";
const install = `npm install ${name}@${wanted}`;

type ConnectionModule = typeof import("./connection.ts");

/** What has been loaded stays as it is: looking at it again would cost more than to connect. A failure is not kept. */
let loaded: ConnectionModule | undefined;

/** What {@linkcode loadConnection} has loaded before. */
export function loadedConnection(): ConnectionModule | undefined {
  return loaded;
}

/**
 * Loads what builds on the official client.
 *
 * @throws {UnsupportedError} the package is missing, or of another version.
 */
export async function loadConnection(): Promise<ConnectionModule> {
  const found = installedVersion();
  if (found !== undefined && !found.startsWith(`${wanted}.`)) throw otherVersion(`version ${found}`);
  let client: object;
  try {
    client = await import("@nats-io/nats-core/internal");
  } catch (cause) {
    throw new UnsupportedError(`Cannot connect to NATS: its client is missing, ${install}`, { cause });
  }
  if (!fits(client as Partial<Record<string, unknown>>)) {
    throw otherVersion(found === undefined ? "another version" : `version ${found}`);
  }
  return loaded = await import("./connection.ts");
}

function otherVersion(found: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot connect to NATS: expected package ${name} ${wanted}, found ${found}; ${install}`,
  );
}

/** By the manifest, which no import may name; undefined where there is none, as in a bundle. */
function installedVersion(): string | undefined {
  try {
    const require = createRequire(import.meta.url);
    const manifest = require(join(dirname(require.resolve(name)), "../package.json")) as {
      readonly name?: unknown;
      readonly version?: unknown;
    };
    return manifest.name === name && typeof manifest.version === "string" ? manifest.version : undefined;
  } catch {
    return undefined;
  }
}

/** What is built on, and the newest of it: by that a bundled client is known. */
function fits(
  { NatsConnectionImpl, ProtocolHandler, SubscriptionImpl }: Partial<Record<string, unknown>>,
): boolean {
  return [
    hasMethods(ProtocolHandler, ["dial", "dialLoop", "dispatchStatus", "flushPending", "sendSubscriptions"]),
    hasMethods(NatsConnectionImpl, ["publish", Symbol.asyncDispose]),
    hasMethods(SubscriptionImpl, ["isClosed"]),
  ].every(Boolean);
}

function hasMethods(kind: unknown, names: readonly (string | symbol)[]): boolean {
  if (typeof kind !== "function") return false;
  const { prototype } = kind as { prototype?: Record<string | symbol, unknown> };
  return names.every((method) => typeof prototype?.[method] === "function");
}
