import { jwtAuthenticator } from "@nats-io/nats-core";
import { describe, expect, it } from "vitest";
import { ConnectError, PeerError } from "../../lib/errors.ts";
import type { NatsConnection, NatsOptions } from "../../lib/nats/mod.ts";
import { rejection } from "../contracts/bench.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { until } from "../support/until.ts";
import { makeAccount, makeOperator, makeUser, readJwt } from "./nats_jwt.ts";
import { useConnections, useNats } from "./nats_world.ts";
import { natsServer, natsVersions, withPeers } from "./peers/mod.ts";

const gate = leakGate();
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const open = useConnections(gate);

/** It is let in, and so is its subscription on a connection of its own. */
async function works(connection: NatsConnection, topic = "public.orders"): Promise<void> {
  const subscription = await connection.subscribe(topic);
  await connection.publish(topic, "x");
  for await (const message of subscription) {
    expect(message.text()).toBe("x");
    break;
  }
}

const publicOnly = { pub: { allow: ["public.>"] }, sub: { allow: ["public.>"] } };

for (const version of natsVersions) {
  await withPeers(`who a client of nats-server ${version} is`, [natsServer(version)], () => {
    describe("by a token", () => {
      const server = useNats({ version, config: `authorization { token: "open sesame" }` });

      it("is told in the options or in the URL", async () => {
        await works(await open(server().url, { token: "open sesame" }));
        await works(await open(server().url.replace("//", "//open%20sesame@")));
        for (const options of [{}, { token: "open" }, { user: "me", pass: "open sesame" }]) {
          expect(await rejection(open(server().url, options))).toBeInstanceOf(PeerError);
        }
      });
    });

    describe("by a JWT of an account of the operator", () => {
      const { config, account } = makeOperator();
      const server = useNats({ version, config });

      it("is told as a credentials file, or as JWT and seed, as text or bytes", async () => {
        const { creds, jwt, seed } = makeUser(account);
        for (const options of [{ creds }, { creds: bytesOf(creds) }, { jwt, nkey: seed }]) {
          await works(await open(server().url, options));
        }
        // A key that is overwritten as soon as it was given.
        const nkey = bytesOf(seed);
        const opening = open(server().url, { jwt, nkey });
        nkey.fill(0);
        await works(await opening);
      });

      it("counts with what it allows", async () => {
        const { creds } = makeUser(account, publicOnly);
        const guest = await open(server().url, { creds });
        await works(guest);
        expect(await rejection(guest.publish("secrets", "x"))).toBeInstanceOf(PeerError);
        expect(await rejection(guest.subscribe("secrets"))).toBeInstanceOf(PeerError);
      });

      it("is refused from another account, with another's key, and when it has expired", async () => {
        const { jwt, seed } = makeUser(account);
        const others: NatsOptions[] = [
          { creds: makeUser(makeAccount()).creds },
          { creds: makeUser(account, {}, -5_000).creds },
          { jwt, nkey: makeUser(account).seed },
          { nkey: seed },
        ];
        for (const options of others) {
          expect(await rejection(open(server().url, options))).toBeInstanceOf(PeerError);
        }
      });

      it("is made anew by an authenticator, for every connection and when the last has expired", async () => {
        let made = 0;
        const authenticator = (nonce?: string): object => {
          // The first is worth nothing after a second or two.
          const { jwt, seed } = makeUser(account, {}, made++ === 0 ? 1_000 : 600_000);
          return jwtAuthenticator(jwt, bytesOf(seed))(nonce) as object;
        };
        const connection = await open(server().url, { authenticator });
        expect(made).toBe(1);
        await until(() => connection.epoch === 2, { timeout: 10_000 });
        expect(made).toBe(2);
        await works(connection);
        expect(made).toBe(3);
        expect((await connection.goodbye()).outcome).toBe("clean");
      });
    });

    describe("by its certificate", () => {
      const files = `cert_file: "./cert.pem", key_file: "./key.pem", ca_file: "./ca.pem"`;
      const server = useNats({
        version,
        config: `tls { ${files}, verify_and_map: true }
          authorization { users = [
            { user: "localhost", permissions: { publish: "public.>", subscribe: "public.>" } }
          ] }`,
      });

      it("is asked for, and told with TLS", async () => {
        for (const scheme of ["nats", "nats+tls"]) {
          const url = server().url.replace(/^nats:/, `${scheme}:`);
          const connection = await open(url, { tls: { ca, cert, key } });
          await works(connection);
          expect(await rejection(connection.publish("secrets", "x"))).toBeInstanceOf(PeerError);
        }
      });

      it("is missed by a server that wants one", async () => {
        const error = await rejection(open(server().url, { tls: { ca } }));
        expect(error).toBeInstanceOf(ConnectError);
      });
    });
  });
}

await withPeers(
  "who a client of nats-server 2.15.2 is, by what another client says",
  [natsServer("2.15.2")],
  () => {
    const issuer = makeAccount();
    const server = useNats({
      version: "2.15.2",
      config: `accounts { AUTH { users: [{ user: "doorman", password: "doorman" }] }, APP {} }
      authorization { auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: ["doorman"] } }`,
    });

    it("lets in whom it lets in", async () => {
      const doorman = await open(server().url, { user: "doorman", pass: "doorman" });
      const questions = await doorman.subscribe("$SYS.REQ.USER.AUTH");
      void questions.consume((message) => {
        const { nats } = readJwt(message.text()) as { nats: Question };
        const { connect_opts: { user, pass }, server_id: { id }, user_nkey } = nats;
        const jwt = issuer.sign(user_nkey, {
          type: "user",
          audience: "APP",
          more: { ...publicOnly, subs: -1, data: -1, payload: -1 },
        });
        const answer = pass === "sesame" ? { jwt } : { error: `${user} is not known` };
        return issuer.sign(user_nkey, { type: "authorization_response", audience: id, more: answer });
      }, { concurrency: 10 });
      const guest = await open(server().url, { user: "guest", pass: "sesame" });
      await works(guest);
      expect(await rejection(guest.publish("secrets", "x"))).toBeInstanceOf(PeerError);
      expect(await rejection(open(server().url, { user: "guest", pass: "x" }))).toBeInstanceOf(PeerError);
    });
  },
);

/** What a server asks about a client. */
interface Question {
  readonly user_nkey: string;
  readonly server_id: { readonly id: string };
  readonly connect_opts: { readonly user?: string; readonly pass?: string };
}
