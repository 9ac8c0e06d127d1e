import { describe } from "vitest";
import { consumeContract } from "./connection_consume.ts";
import { deliveryContract } from "./connection_delivery.ts";
import type { ConnectionFixture } from "./connection_kit.ts";
import { lossContract } from "./connection_loss.ts";
import { pingContract } from "./connection_ping.ts";
import { publishContract } from "./connection_publish.ts";
import { requestContract } from "./connection_request.ts";
import { subscribeContract } from "./connection_subscribe.ts";

export type { ConnectionFixture, ConnectionWorld } from "./connection_kit.ts";

/** What every implementation of `MessageConnection` must do. Run it in a test file of each. */
export function connectionContract(name: string, fixture: ConnectionFixture): void {
  describe(`${name} connection`, () => {
    publishContract(fixture);
    pingContract(fixture);
    requestContract(fixture);
    subscribeContract(fixture);
    deliveryContract(fixture);
    consumeContract(fixture);
    lossContract(fixture);
  });
}
