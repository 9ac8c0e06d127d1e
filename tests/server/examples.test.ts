import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseAddress, systemNetwork } from "../../lib/net/mod.ts";
import { describe, expect, it } from "vitest";
import { type ChildResult, runChild } from "../support/child.ts";
import { until } from "../support/until.ts";

/** Runs an example, talks to the address it prints, and then stops it with SIGTERM. */
async function talk(
  name: string,
  conversation: (send: (bytes: Uint8Array) => void, received: () => Buffer) => Promise<void>,
): Promise<{ result: ChildResult; received: Buffer }> {
  let received = Buffer.alloc(0);
  let talking: Promise<void> | undefined;
  const result = await runChild(new URL(`../examples/${name}.ts`, import.meta.url), {
    onOutput: (stdout, child) => {
      if (!stdout.includes("\n")) return;
      talking ??= (async () => {
        const client = await systemNetwork().dial(parseAddress(stdout.trim().replace("tcp://", "")), {});
        client.start({
          data: (chunk) => received = Buffer.concat([received, chunk]),
          end: () => client.end(),
          drain() {},
        });
        try {
          await conversation((bytes) => client.write(bytes), () => received);
        } finally {
          process.kill(child.pid!, "SIGTERM");
        }
        expect(await client.closed).toBeUndefined();
      })();
      talking.catch(() => {});
    },
  });
  await talking;
  return { result, received };
}

function frame(value: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(value));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

describe("an example", () => {
  it("echo_server sends back what it gets, and ends in order", async () => {
    const { result, received } = await talk("echo_server", async (send, received) => {
      send(Buffer.from("hello "));
      send(Buffer.from("world"));
      await until(() => received().length === 11);
    });
    expect(received.toString()).toBe("hello world");
    expect(result).toMatchObject({ code: 143, stderr: "" });
    expect(result.lingered).toBeLessThan(1_500);
  });

  it("rpc_server answers calls, however they are cut, and says goodbye", async () => {
    const { result, received } = await talk("rpc_server", async (send, received) => {
      const calls = Buffer.concat([
        frame({ id: 1, method: "add", params: [2, 3] }),
        frame({ id: 2, method: "negate", params: [7] }),
        frame({ id: 3, method: "divide", params: [1, 0] }),
      ]);
      for (const byte of calls) send(Buffer.from([byte]));
      await until(() => received().includes("null"));
    });
    const expected = [
      { id: 1, result: 5 },
      { id: 2, result: -7 },
      { id: 3, result: null },
      { goodbye: "come back later" },
    ];
    expect(received.toString("hex")).toBe(Buffer.concat(expected.map(frame)).toString("hex"));
    expect(result).toMatchObject({ code: 143, stderr: "" });
  });

  it.each(["echo_server", "rpc_server"])("%s is short", (name) => {
    const text = readFileSync(new URL(`../examples/${name}.ts`, import.meta.url), "utf8");
    expect(text.trim().split("\n").length).toBeLessThan(40);
  });
});
