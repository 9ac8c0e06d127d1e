import { connect, type MessageConnection } from "gracewire";

let shared: Promise<MessageConnection> | undefined;

/** The one connection of this process: opened when it is first needed, opened again after it has ended. */
export function connection(url: string): Promise<MessageConnection> {
  return shared ??= connect(url).then(
    (opened) => {
      void opened.closed.then(() => shared = undefined);
      return opened;
    },
    (error: unknown) => {
      shared = undefined; // the next caller tries again
      throw error;
    },
  );
}

export async function publishOrder(url: string, id: number, signal: AbortSignal): Promise<void> {
  const orders = await connection(url);
  await orders.publish("orders", JSON.stringify({ id }), { signal });
}
