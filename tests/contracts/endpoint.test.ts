import { createScope } from "../../lib/lifecycle/mod.ts";
import { memoryNetwork, systemNetwork, type TlsConnectOptions } from "../../lib/net/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { ca, cert, key } from "../support/certificate.ts";
import { leakGate } from "../support/leak.ts";
import { endpointContract, type EndpointFixture } from "./endpoint.ts";

const gate = leakGate();

endpointContract("scope", {
  governed: "graceful",
  // A disposer that nobody waits for any longer has failed, one that is called after the force has not.
  forced: ["forced", "failed"],
  open({ signal }) {
    const scope = createScope({ signal });
    let release = (): void => {};
    return Promise.resolve({
      endpoint: scope,
      occupy() {
        scope.defer(() =>
          new Promise<void>((resolve) => {
            release = resolve;
            if (scope.signal.aborted) resolve();
            else scope.signal.addEventListener("abort", () => resolve());
          })
        );
        return Promise.resolve();
      },
      release: () => release(),
      end: () => Promise.resolve(),
    });
  },
});

endpointContract("server over memory", serverFixture("memory"));
endpointContract("server over tcp", serverFixture("tcp"));
endpointContract("server over tls", serverFixture("tls"));

function serverFixture(kind: "memory" | "tcp" | "tls"): EndpointFixture {
  return {
    governed: "graceful",
    async open({ signal }) {
      const network = gate.watch(kind === "memory" ? memoryNetwork() : systemNetwork());
      let release = (): void => {};
      let started = (): void => {};
      const server = await serve(async (connection) => {
        started();
        await new Promise<void>((resolve) => {
          release = resolve;
          connection.signal.addEventListener("abort", () => resolve());
        });
      }, { network, signal, ...(kind === "tls" ? { tls: { cert, key } } : {}) });
      const tls: TlsConnectOptions | undefined = kind === "tls" ? { ca } : undefined;
      return {
        endpoint: server,
        async occupy() {
          const handling = new Promise<void>((resolve) => started = resolve);
          const { host, port } = server.address as { host: string; port: number };
          const client = await network.dial({ host, port, tls }, {});
          client.start({ data() {}, end: () => client.end(), drain() {} });
          await handling;
        },
        release: () => release(),
        end: () => Promise.resolve(),
      };
    },
  };
}
