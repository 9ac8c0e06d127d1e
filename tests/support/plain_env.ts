import process from "node:process";

/** The environment for a child: without what belongs to the run of the tests. */
export function plainEnv(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) =>
    !/^(NODE_OPTIONS|NODE_V8_COVERAGE|GRACEWIRE_FACTS|FORCE_COLOR|VITEST.*)$/.test(name)
  );
  return { ...Object.fromEntries(kept), NO_COLOR: "1" };
}
