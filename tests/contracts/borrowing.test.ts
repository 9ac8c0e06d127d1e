import { leakGate } from "../support/leak.ts";
import { borrowingContract } from "./borrowing.ts";
import { borrowingFixtures, networkBorrowing } from "./borrowing_fixtures.ts";
import { natsNetworkBorrowing, natsSubscriptionBorrowing } from "./borrowing_nats.ts";
import { memory, tcp } from "./grounds.ts";

const gate = leakGate();

for (
  const { name, fixture } of [
    ...[memory, tcp].flatMap((ground) => [
      ...borrowingFixtures(gate, ground),
      natsSubscriptionBorrowing(gate, ground),
    ]),
    networkBorrowing(gate),
    natsNetworkBorrowing(gate),
  ]
) {
  borrowingContract(name, fixture);
}
