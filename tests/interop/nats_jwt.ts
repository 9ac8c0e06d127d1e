import { nkeys } from "@nats-io/nats-core";

/** Who signs whom in a server with an operator: an operator, accounts, and the users of an account. */
export interface Authority {
  readonly publicKey: string;
  /** Makes a JWT about somebody, in the shape of version 2 of NATS. */
  sign(subject: string, claims: Claims): string;
}

/** What a JWT says. */
export interface Claims {
  readonly type: "operator" | "account" | "user" | "authorization_response";
  readonly name?: string;
  /** Who it is for. */
  readonly audience?: string;
  /** Milliseconds from now, to the next second, after which it is worth nothing. */
  readonly expires?: number;
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A user with its seed and JWT. */
export interface JwtUser {
  readonly jwt: string;
  readonly seed: string;
  /** Both, as the contents of a credentials file. */
  readonly creds: string;
}

/** What an account or a user may use: all of it. */
const unlimited = { subs: -1, data: -1, payload: -1 };
const unlimitedAccount = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };

/** An operator with an account in a server's memory. */
export function makeOperator(): { readonly config: string; readonly account: Authority } {
  const operator = authorityOf(nkeys.createOperator());
  const account = makeAccount();
  const jwt = operator.sign(account.publicKey, { type: "account", more: { limits: unlimitedAccount } });
  const own = operator.sign(operator.publicKey, { type: "operator" });
  const config = `operator: "${own}"\nresolver: MEMORY\nresolver_preload { ${account.publicKey}: "${jwt}" }`;
  return { config, account };
}

/** Somebody who may sign users. */
export function makeAccount(): Authority {
  return authorityOf(nkeys.createAccount());
}

/** A user of an account. `permissions`: `pub` and `sub`. */
export function makeUser(
  account: Authority,
  permissions: Readonly<Record<string, unknown>> = {},
  expires?: number,
): JwtUser {
  const keys = nkeys.createUser();
  const seed = new TextDecoder().decode(keys.getSeed());
  const jwt = account.sign(keys.getPublicKey(), {
    type: "user",
    more: { ...unlimited, ...permissions },
    ...(expires === undefined ? {} : { expires }),
  });
  const creds = `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n
-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
  return { jwt, seed, creds };
}

/** What a JWT says, unchecked. */
export function readJwt(jwt: string): Readonly<Record<string, unknown>> {
  const [, body = ""] = jwt.split(".");
  return JSON.parse(new TextDecoder().decode(fromBase64(body))) as Record<string, unknown>;
}

function authorityOf(keys: { getPublicKey(): string; sign(data: Uint8Array): Uint8Array }): Authority {
  const publicKey = keys.getPublicKey();
  return {
    publicKey,
    sign(subject, { type, name = type, audience, expires, more }) {
      const now = Math.floor(Date.now() / 1_000);
      const text = [
        { typ: "JWT", alg: "ed25519-nkey" },
        {
          jti: crypto.randomUUID(),
          iat: now,
          iss: publicKey,
          sub: subject,
          name,
          ...(audience === undefined ? {} : { aud: audience }),
          ...(expires === undefined ? {} : { exp: Math.ceil((Date.now() + expires) / 1_000) }),
          nats: { type, version: 2, ...more },
        },
      ].map((part) => toBase64(bytesOf(JSON.stringify(part)))).join(".");
      return `${text}.${toBase64(keys.sign(bytesOf(text)))}`;
    },
  };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
