import { createScope } from "gracewire";
import { startBroker } from "gracewire/broker";
import { connect } from "gracewire/eventmesh";
import { createPool } from "gracewire/pool";

const scope = createScope();
try {
  const broker = scope.use(await startBroker({ port: 0 }));
  const pool = scope.use(createPool({
    open: (signal) => connect(broker.url, { signal }),
    min: 2,
    max: 4,
    onMember: ({ member, change, why }) => console.log(`member ${member} ${change} ${why ?? ""}`.trim()),
  }));

  const lease = await pool.acquire({ timeout: 5_000 });
  try {
    await lease.value.publish("orders", JSON.stringify({ id: 7 }));
  } finally {
    await lease.release(); // or `await using lease = ...` above
  }
} finally {
  await scope.goodbye();
}
