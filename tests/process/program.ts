/**
 * A program around `run`: `say` prints a line, `resource` makes something that ends and says so, `slowly` is a report that
 * takes some turns.
 */
export function program(main: string, options = "{}"): string {
  return `
    import { run, onProcessSignals } from "gracewire/process";
    import { createScope, formatFarewell } from "gracewire/lifecycle";
    import { serve } from "gracewire/server";
    import { systemNetwork } from "gracewire/net";
    const say = (text) => console.log(text);
    const resource = (name) => ({ async [Symbol.asyncDispose]() { say("freed " + name); } });
    const until = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));
    const slowly = async () => {
      for (let turn = 0; turn < 20; turn++) await new Promise((go) => setImmediate(go));
      say("reported");
    };
    await run(async (scope) => { ${main} }, ${options});
    say("over, listeners: " + (process.listenerCount("SIGINT") + process.listenerCount("SIGTERM")));
  `;
}

/** What a program may take to end when there is nothing left to do. */
export const soon: number = 1_500;
