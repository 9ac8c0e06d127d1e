import { connect } from "gracewire";

export async function main(url: string, signal: AbortSignal): Promise<string> {
  await using connection = await connect(url, { signal });
  const clock = await connection.subscribe("clock", { type: "sync", signal });
  void clock.consume((message) => `it is ${message.text()} o'clock`, { concurrency: 4 });

  const reply = await connection.request("clock", "twelve", { signal, timeout: 2_000 });
  return reply.text();
}
