import { ProcessSignalError } from "../errors.ts";
import type { EndpointEvent, Scope } from "../lifecycle/mod.ts";
import type { CommandContext } from "./command.ts";
import type { Console } from "./console.ts";

/**
 * Tells of connections that are lost and come back; on a terminal also how an interrupt is carried out, phase by phase.
 */
export function watcher(scope: Scope, console: Console): CommandContext["watch"] {
  let start = 0;
  let told: string | undefined;
  const interrupted = (): boolean => scope.draining.reason instanceof ProcessSignalError;
  const phase = (name: string, what: string): void => {
    const at = `+${Math.round(performance.now() - start)} ms`;
    if (console.live && interrupted()) console.note(`  ${at.padEnd(9)} ${name.padEnd(12)} ${what}`);
  };
  const show = (name: string, event: EndpointEvent): void => {
    if (event.type === "state" && event.state !== "closed") phase(name, event.state);
    if (event.type === "farewell") phase(name, `closed, ${event.farewell.outcome}`);
    if (scope.draining.aborted) return;
    // Not "lost": a server that says goodbye is not, and sought again all the same.
    if (event.type === "retry" && event.attempt === 1) {
      const message = event.error instanceof Error ? event.error.message : String(event.error);
      // A connection and its subscriptions lose the same server at the same time.
      if (message !== told) console.note(`${message}; trying again`);
      told = message;
    }
    if (event.type === "connected" && event.epoch > 1 && told !== undefined) {
      console.note(`connected again, to ${event.remote}`);
      told = undefined;
    }
  };
  scope.draining.addEventListener("abort", () => {
    start = performance.now();
    if (!console.live || !(scope.draining.reason instanceof ProcessSignalError)) return;
    console.note(
      `\n${scope.draining.reason.signal}: saying goodbye; once more to force it, a third time to kill`,
    );
  }, { once: true });
  scope.signal.addEventListener("abort", () => {
    const { reason } = scope.signal;
    if (!console.live || !(reason instanceof ProcessSignalError) || reason === scope.draining.reason) return;
    console.note(`\n${reason.signal}: forced`);
  }, { once: true });
  return async (name, endpoint) => {
    for await (const event of endpoint.events()) show(name, event);
  };
}
