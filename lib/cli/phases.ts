import type { Scope } from "../lifecycle/mod.ts";
import type { Console } from "./console.ts";

/** Shows on a terminal how an interrupt is carried out. */
export function showPhases(scope: Scope, console: Console): void {
  scope.draining.addEventListener("abort", () => {
    if (scope.draining.reason instanceof Error && "signal" in scope.draining.reason) {
      console.note(`\n${scope.draining.reason.message}: saying goodbye (again to force)`);
    }
  }, { once: true });
  void follow(scope, console);
}

async function follow(scope: Scope, console: Console): Promise<void> {
  for await (const event of scope.events()) {
    if (event.type === "state") console.note(`  ${event.state}`);
  }
}
