import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type UserFolder, userFolder } from "./support/user.ts";

/** What each program of the README that ends by itself prints. The others run in the tests of what they are about. */
const programs: readonly [string, RegExp][] = [
  [
    "quickstart",
    /^orders {"id":7}\neventmesh connection: clean in [^]* 1 published, 1 confirmed, 1 received, 1 acked\n/,
  ],
  ["await_using", /^confirmed\n$/],
  ["request_reply", /^it is twelve o'clock\n$/],
  ["pool", /^[^]*member 1 opened\n[^]*member 1 closed\n/],
];

describe("a program of the README, as it stands,", () => {
  let user: UserFolder;
  beforeAll(async () => {
    user = await userFolder();
  });
  afterAll(() => user?.[Symbol.asyncDispose]());

  it.each(programs)("%s does what it says and ends by itself", async (example, output) => {
    const program = await user.start(example);
    expect(await program.ended).toEqual({
      code: 0,
      signal: null,
      stdout: expect.stringMatching(output),
      stderr: "",
    });
  });

  it("echo_server says where it listens, and ends in order when it is told to", async () => {
    const server = await user.start("echo_server");
    await server.says(/^tcp:\/\/127\.0\.0\.1:\d+\n/);
    server.send("SIGTERM");
    expect(await server.ended).toMatchObject({ code: 143, signal: null, stderr: "" });
  });
});
