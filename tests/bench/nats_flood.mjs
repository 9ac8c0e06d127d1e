const batch = 1_000;

/**
 * Publishes in batches, each of which the server has processed before the next one, until the time is over; resolves with
 * how many were published when all of them have arrived.
 */
export async function flood({ publish, flush, received }, milliseconds) {
  const end = performance.now() + milliseconds;
  const before = received();
  let sent = 0;
  do {
    for (let i = 0; i < batch; i++) publish();
    sent += batch;
    await flush();
  } while (performance.now() < end);
  while (received() - before < sent) await flush();
  return sent;
}
