import { connect, type NatsConnection } from "../../lib/nats/mod.ts";
import type { Counted, Network } from "../../lib/net/mod.ts";
import { type FakeNats, type Late, startFakeNats } from "../nats/server.ts";
import { until } from "../support/until.ts";
import { watchNetwork } from "../support/watch.ts";
import type { Arrange, How, Stage } from "./i10_stages.ts";

/** What is at the other end of a NATS client. */
interface Behind {
  readonly network: Network;
  readonly server: FakeNats;
  /** How much has happened on the network. */
  effects(): number;
}

/** Makes the places of NATS clients, on networks of one kind. */
export class NatsStages {
  readonly #network: () => Network & Counted;

  constructor(network: () => Network & Counted) {
    this.#network = network;
  }

  /** A server that is late with its first line. */
  hello(call: (url: string, how: How & { network: Network }) => Promise<unknown>): Arrange {
    return async () => {
      const { effects, network, server } = await this.#server();
      const end = (): Promise<unknown> => server.close();
      return {
        ...late(server, "info"),
        effects,
        end,
        call: (signal) => call(server.url, { signal, network }),
      };
    };
  }

  /** A connection to a server that is late with something. */
  call(what: Late, call: (connection: NatsConnection, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { server, connection, stage } = await this.#connection();
      return { ...stage, ...late(server, what), call: (signal) => call(connection, { signal }) };
    };
  }

  /** A connection to a server where nobody answers questions about topic `a`. */
  question(call: (connection: NatsConnection, how: How) => Promise<unknown>): Arrange {
    return async () => {
      const { server, connection, stage } = await this.#connection();
      const questions = (): number => {
        return server.sessions[0]!.commands.filter((line) => /^H?PUB a /.test(line)).length;
      };
      let known = 0;
      const pends = async (): Promise<void> => {
        await until(() => questions() > known, { what: "the question" });
        known = questions();
      };
      return { ...stage, pends, call: (signal) => call(connection, { signal }) };
    };
  }

  async #server(): Promise<Behind> {
    let steps = 0;
    const network = watchNetwork(this.#network(), () => steps++);
    return { network, server: await startFakeNats({ network }), effects: () => steps };
  }

  async #connection(): Promise<
    Behind & { connection: NatsConnection; stage: Pick<Stage, "effects" | "end" | "endpoint"> }
  > {
    const behind = await this.#server();
    const { effects, network, server } = behind;
    const connection = await connect(server.url, { network });
    const end = async (): Promise<void> => {
      await connection.goodbye({ grace: 0 });
      await server.close();
    };
    return { ...behind, connection, stage: { effects, end, endpoint: connection } };
  }
}

/** Makes a server late with something from now on. */
function late(server: FakeNats, what: Late): Required<Pick<Stage, "answer" | "pends">> {
  server.late = what;
  let known = server.asked;
  return {
    async pends() {
      await until(() => server.asked > known, { what: `the server to be late with ${what}` });
      known = server.asked;
    },
    answer() {
      server.late = undefined;
      server.answer();
    },
  };
}
