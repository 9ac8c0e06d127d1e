import { TestClock } from "../support/clock.ts";
import { type Rig, rigTest, type ServeFixture } from "./kit.ts";

/**
 * Runs a test on a rig whose time is virtual: it stands still but for what the test lets pass, which it does at once. How
 * long sockets take does not matter then.
 */
export function timeless(
  on: ServeFixture,
  body: (rig: Rig, clock: TestClock) => Promise<void>,
): () => Promise<void> {
  return rigTest(on, async (rig) => {
    const clock = new TestClock({ virtual: true });
    clock.install();
    try {
      await body(rig, clock);
    } finally {
      clock.uninstall();
    }
  });
}

/** Lets so many milliseconds pass. */
export function pass(clock: TestClock, time: number): Promise<void> {
  return clock.until(new Promise<void>((resolve) => setTimeout(resolve, time)));
}
