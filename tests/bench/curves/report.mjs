// Tables and pictures of what was measured.
import { cpus, loadavg, release } from "node:os";
import process from "node:process";
import { table } from "./document.mjs";
import { chart } from "./svg.mjs";

/** Tables, by the name of their place in the document. Parts that were not measured have none. */
export function tables(results, eventMesh) {
  return present({
    "where the curves were measured": conditions(),
    "cost of a signal and a time limit": some(results, "wiring", wiringTable),
    "heap of operations in flight": some(results, "heap", heapTable),
    "cost by topics": some(results, "topics", (list) => curveTable("topics", list)),
    "cost by clients": some(results, "sessions", (list) => curveTable("sessions", list)),
    "memory of idle sessions": some(results, "idle", (list) => idleTable(list, eventMesh)),
  });
}

/** Pictures, by the name of their file. */
export function pictures(results) {
  return present({
    "cost_by_in_flight": some(results, "wiring", wiringChart),
    "cost_by_topics": some(
      results,
      "topics",
      (list) => curveChart(list, "topics", "Cost of a message, by topics", "topics with a subscriber"),
    ),
    "cost_by_clients": some(
      results,
      "sessions",
      (list) =>
        curveChart(list, "sessions", "Cost of a message, by clients", "clients that publish and subscribe"),
    ),
  });
}

function conditions() {
  const [{ model }] = cpus();
  const load = loadavg().map((value) => value.toFixed(1)).join(", ");
  return `${cpus().length} cores of ${model}, ${process.platform} ${release()}; load average over the last minute, ` +
    `5 and 15 minutes, at the end: ${load}.`;
}

function wiringTable(results) {
  const rows = [
    ["signal, ns, alone", "signal", 0],
    ["beside 64 others", "signal", 64],
    ["beside 512 others", "signal", 512],
    ["beside 10,000 others", "signal", 10_000],
    ["10,000 others, the oldest leaves first", "signal, oldest first", 10_000],
    ["time limit, ns, alone", "time limit", 0],
    ["beside 10,000 others", "time limit", 10_000],
    ["10,000 others, the oldest leaves first", "time limit, oldest first", 10_000],
    ["once a tick for all of them: a place on the wheel, ns", "place on the wheel", 10_000],
    ["of that, a look at the clock", "clock", 0],
    ["operation with both and its promise, ns", "operation", 10_000],
    ["without both", "operation without both", 0],
    ["by hand: `addEventListener` alone, ns", "addEventListener", 0],
    ["by hand: beside 512 others", "addEventListener", 512],
    ["by hand: `setTimeout`, ns", "setTimeout", 0],
  ];
  return table(
    ["", ...results.map(({ runtime }) => runtime)],
    rows.map(([title, kind, others]) => [
      title,
      ...results.map(({ wiring }) => wiring.find((cost) => cost.kind === kind && cost.others === others).ns)
        .map((ns) => thousands(ns)),
    ]),
  );
}

function heapTable(results) {
  return table(
    [
      "runtime",
      ...[1_000, 10_000, 100_000].map((count) => `${thousands(count)} in flight`),
      "kept after 111,000",
    ],
    results.map(({ runtime, heap: { figures, left } }) => [
      runtime,
      ...[1_000, 10_000, 100_000].map((count) => {
        const { broker, client } = figures.find((figure) => figure.count === count);
        return `${thousands(client)} + ${thousands(broker)} B`;
      }),
      `${kibibytes(left.client)} and ${kibibytes(left.broker)} KiB`,
    ]),
  );
}

/** The points of the curve, how much the last costs of the first, and what was measured beside the curve. */
function curveTable(part, results) {
  const [points, beside] = [
    results[0][part].filter(onCurve),
    results[0][part].filter((point) => !onCurve(point)),
  ];
  return table(
    [
      "runtime",
      ...points.map(({ x }) => thousands(x)),
      `${thousands(points.at(-1).x)} to ${thousands(points[0].x)}, quartiles`,
      ...beside.map(({ used, x }) => `${thousands(x)}, ${used} in use`),
    ],
    results.map((result) => {
      const cost = ({ y }) => `${y.toFixed(1)} µs`;
      const curve = result[part].filter(onCurve);
      const [middle, low, high] = curve.at(-1).ratios.map((ratio) => ratio.toFixed(2));
      return [
        result.runtime,
        ...curve.map(cost),
        `${middle} (${low} to ${high})`,
        ...result[part].filter((point) => !onCurve(point)).map(cost),
      ];
    }),
  );
}

function onCurve({ used }) {
  return used === undefined;
}

function idleTable(results, eventMesh) {
  const rows = results.map(({ runtime, idle }) => idleRow(`broker, ${runtime}`, idle));
  if (typeof eventMesh === "object") rows.push(idleRow(eventMesh.name, eventMesh));
  return table(
    ["server", "heap", "with 1,000", "a session", "of the system", "with 1,000", "a session"],
    rows,
  );
}

function idleRow(name, { before, after, count }) {
  return [
    name,
    ...["heap", "system"].flatMap((what) => [
      `${mebibytes(before[what])} MiB`,
      `${mebibytes(after[what])} MiB`,
      `${kibibytes((after[what] - before[what]) / count)} KiB`,
    ]),
  ];
}

function wiringChart(results) {
  const line = (wiring, kind) =>
    wiring.filter((cost) => cost.kind === kind).map(({ others, ns }) => ({ x: Math.max(1, others), y: ns }));
  return chart({
    title: "An operation's link to a shared signal; dashed: addEventListener by hand",
    x: { title: "others on the same signal (1: none)", ticks: [1, 10, 100, 1_000, 10_000] },
    y: { title: "nanoseconds", from: 10, limit: 100 },
    lines: [
      ...results.map(({ runtime, wiring }) => ({ name: runtime, points: line(wiring, "signal") })),
      ...results.map(({ runtime, wiring }, like) => ({
        name: runtime,
        points: line(wiring, "addEventListener"),
        dashed: true,
        like,
      })),
    ],
  });
}

function curveChart(results, part, title, axis) {
  return chart({
    title,
    x: { title: axis, ticks: results[0][part].filter(onCurve).map(({ x }) => x) },
    y: { title: "µs of client + broker" },
    lines: results.map((result) => ({ name: result.runtime, points: result[part].filter(onCurve) })),
  });
}

/** What the results have of a part, made into something; undefined when none has it. */
function some(results, part, make) {
  const having = results.filter((result) => result[part] !== undefined);
  return having.length === 0 ? undefined : make(having);
}

function present(entries) {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

function thousands(value) {
  return Math.round(value).toLocaleString("en");
}

function kibibytes(bytes) {
  return (bytes / 1_024).toFixed(1).replace("-", "−");
}

function mebibytes(bytes) {
  return (bytes / 1_048_576).toFixed(1);
}
