import { createScope } from "../../lib/lifecycle/mod.ts";
import { serve } from "../../lib/server/mod.ts";
import { leakGate } from "../support/leak.ts";
import { endpointContract, type OpenEndpoint } from "./endpoint.ts";
import { type Ground, grounds } from "./grounds.ts";
import { Work } from "./work.ts";

const gate = leakGate();

endpointContract("scope", {
  governed: "graceful",
  // A disposer that nobody waits for any longer has failed, one that is called after the force has not.
  forced: ["forced", "failed"],
  open({ signal }) {
    const scope = createScope({ signal });
    const work = new Work();
    return Promise.resolve({
      endpoint: scope,
      occupy: () => Promise.resolve(void scope.defer(() => work.until(scope.signal))),
      release: () => work.release(),
      end: () => Promise.resolve(),
    });
  },
});

for (const ground of grounds) {
  endpointContract(`server over ${ground.name}`, {
    governed: "graceful",
    open: ({ signal }) => openServer(ground, signal),
  });
}

async function openServer(ground: Ground, signal: AbortSignal | undefined): Promise<OpenEndpoint> {
  const network = gate.watch(ground.network());
  const work = new Work();
  const server = await serve((connection) => work.until(connection.signal), {
    network,
    signal,
    ...ground.server,
  });
  return {
    endpoint: server,
    async occupy() {
      const { host, port } = server.address as { host: string; port: number };
      const client = await network.dial({ host, port, ...ground.client }, {});
      client.start({ data() {}, end: () => client.end(), drain() {} });
      await work.started;
    },
    release: () => work.release(),
    end: () => Promise.resolve(),
  };
}
