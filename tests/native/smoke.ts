/**
 * The public entry points as a runtime itself loads them: no transform of a test runner, no bundler. It reads the
 * sources or, if GRACEWIRE_ENTRY names it, the installed package.
 *
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import process from "node:process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import "../run/facts.ts";

const name: string | undefined = process.env["GRACEWIRE_ENTRY"];
const manifest: string = name === undefined
  ? fileURLToPath(new URL("../../deno.json", import.meta.url))
  : createRequire(import.meta.url).resolve(`${name}/package.json`);
const { bin, exports, version } = JSON.parse(readFileSync(manifest, "utf8"));
const keys: string[] = Object.keys(exports).filter((key) => key !== "./package.json" && key !== "./cli");

/** Loads an entry point by its key in the manifest. */
function load(key: string): Promise<Record<string, unknown>> {
  return import(
    name === undefined ? new URL(`../../${exports[key]}`, import.meta.url).href : name + key.slice(1)
  );
}

test("every entry point loads", async () => {
  assert.ok(keys.includes("."));
  const empty: string[] = [];
  for (const key of keys) if (Object.keys(await load(key)).length === 0) empty.push(key);
  // Types alone: nothing is left of it when it runs.
  assert.deepEqual(empty, ["./messaging"]);
});

test("the error classes are the same in every entry point and know their names", async () => {
  const errors = await load("./errors");
  const base = errors["GracewireError"] as ErrorConstructor;
  for (const [exported, value] of Object.entries(errors)) {
    assert.equal((value as { name: string }).name, exported);
  }
  for (const key of keys) {
    for (const [exported, value] of Object.entries(await load(key))) {
      const isError = typeof value === "function" && (value === base || value.prototype instanceof base);
      if (isError) assert.equal(value, errors[exported], `${key} has a ${exported} of its own`);
    }
  }
});

test("a message goes from a connection through a broker and back, and all say goodbye", async () => {
  const { connect } = await load(".") as Pick<typeof import("../../mod.ts"), "connect">;
  const { startBroker } = await load("./broker") as Pick<
    typeof import("../../lib/broker/mod.ts"),
    "startBroker"
  >;
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error("The smoke test took longer than 20 s")), 20_000);
  const { signal } = controller;
  const broker = await startBroker({ port: 0, signal });
  try {
    const connection = await connect(broker.url, { signal });
    const subscription = await connection.subscribe("smoke", { signal });
    await connection.publish("smoke", "a message", { signal });
    for await (const message of subscription) {
      assert.equal(message.text(), "a message");
      message.ack();
      break;
    }
    const farewell = await connection.goodbye();
    assert.equal(farewell.outcome, "clean");
    assert.equal((await broker.goodbye()).outcome, "clean");
  } finally {
    clearTimeout(timer);
    await broker.goodbye({ grace: 0 });
  }
});

if (name !== undefined) {
  test("the command tells the version of the package", () => {
    const script = join(dirname(manifest), bin.gracewire);
    assert.match(readFileSync(script, "utf8"), /^#!\/usr\/bin\/env node\n/);
    const args = process.versions.deno === undefined ? [script] : ["run", "-A", script];
    const output = execFileSync(process.execPath, [...args, "--version"], {
      encoding: "utf8",
      timeout: 20_000,
    });
    assert.equal(output.trim(), version);
  });
}
