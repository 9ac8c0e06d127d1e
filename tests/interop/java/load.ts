import { expect, it } from "vitest";
import { until } from "../../support/until.ts";
import { type Answer, type JavaSdk, type Kind, kinds } from "./sdk.ts";
import { countBySeq, startTap, type TappedFrame } from "./tap.ts";
import { portOf, type World } from "./world.ts";

/** The load that servers are put under: threads of the Java SDK, publishes of each, and of all together. */
const threads = 8;
const count = 100;
export const TOTAL: number = threads * count;

/** What became of the publishes of eight threads on one connection. */
export interface Outcome {
  readonly answer: Answer;
  readonly published: number;
  /** Messages that the subscriber has got. */
  readonly delivered: number;
  /** Acknowledgements that came, whatever number they bear. */
  readonly acknowledgements: number;
  /** Publishes whose number no acknowledgement bears. */
  readonly never: number;
  /** Numbers that more than one acknowledgement bears. */
  readonly repeated: number;
  /** Numbers of acknowledgements that no publish bears. */
  readonly strange: number;
}

/** The broker under the load for which the runtime is short of acknowledgements. */
export function load(sdk: () => JavaSdk, world: World): void {
  it.each(kinds)(
    "acknowledges each publish of eight threads once, as %s",
    { timeout: 60_000 },
    async (kind) => {
      const broker = await world.start();
      const { answer, ...counts } = await loadOf(sdk(), kind, portOf(broker), `load-${kind}`, 20_000);
      expect(answer).toMatchObject({ confirmed: TOTAL, failures: {} });
      expect(counts).toEqual({
        published: TOTAL,
        delivered: TOTAL,
        acknowledgements: TOTAL,
        never: 0,
        repeated: 0,
        strange: 0,
      });
    },
  );
}

/**
 * Lets eight threads of the Java SDK publish on one connection to a server, and looks at the frames between the two.
 * Every message has to be delivered, and there have to be as many acknowledgements as publishes.
 *
 * @param timeout Milliseconds for which the SDK waits for an acknowledgement.
 * @param lossy The server may lose a message: there may be fewer of all then.
 */
export async function loadOf(
  sdk: JavaSdk,
  kind: Kind,
  server: { readonly port: number },
  topic: string,
  timeout: number,
  lossy = false,
): Promise<Outcome> {
  const tap = await startTap(server.port);
  try {
    const [publisher, subscriber] = [`${topic}-publisher`, `${topic}-subscriber`];
    await sdk.open(subscriber, kind, server);
    await sdk.listen(subscriber, topic);
    await sdk.open(publisher, kind, tap);
    const answer = await sdk.do(publisher, "burst", {
      topic,
      data: "x".repeat(200),
      threads,
      count,
      timeout,
    });
    await sdk.receives(subscriber, topic, TOTAL).catch((error: unknown) => {
      if (!lossy) throw error;
    });
    const delivered = sdk.received(subscriber, topic).length;
    const frames = (): TappedFrame[] => tap.connections.flatMap((connection) => connection.frames);
    const acks = (): number =>
      frames().filter(({ command }) => command === "ASYNC_MESSAGE_TO_SERVER_ACK").length;
    await until(() => acks() >= Math.min(TOTAL, delivered), {
      what: () => `${TOTAL} acknowledgements, got ${acks()}`,
    });
    const published = countBySeq(frames(), "ASYNC_MESSAGE_TO_SERVER");
    const acknowledged = countBySeq(frames(), "ASYNC_MESSAGE_TO_SERVER_ACK");
    return {
      answer,
      published: published.size,
      delivered,
      acknowledgements: acks(),
      never: [...published.keys()].filter((seq) => !acknowledged.has(seq)).length,
      repeated: [...acknowledged.values()].filter((times) => times > 1).length,
      strange: [...acknowledged.keys()].filter((seq) => !published.has(seq)).length,
    };
  } finally {
    await tap.close();
  }
}
