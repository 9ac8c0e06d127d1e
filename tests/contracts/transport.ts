import { describe } from "vitest";
import { dialContract } from "./transport_dial.ts";
import { endContract } from "./transport_end.ts";
import type { TransportFixture } from "./transport_kit.ts";
import { listenerContract } from "./transport_listener.ts";
import { pressureContract } from "./transport_pressure.ts";
import { streamContract } from "./transport_stream.ts";

export type { TransportFixture } from "./transport_kit.ts";

/** What every implementation of `Network` must do. Run it in a test file of each. */
export function transportContract(name: string, fixture: TransportFixture): void {
  describe(`${name} transport`, () => {
    streamContract(fixture);
    endContract(fixture);
    pressureContract(fixture);
    dialContract(fixture);
    listenerContract(fixture);
  });
}
