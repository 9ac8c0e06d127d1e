// The results of all runtimes as tables of Markdown.
import { median, perRound, perSecond, quantile, ratios } from "./figures.mjs";
import { titles } from "./sections.mjs";

const none = "-";

/** What is wanted, of which results, and at least or at most how much of what. */
const aims = [
  aim(
    "confirmed publish, of the tuned limit",
    { least: 0.8 },
    ({ publish }) => [publish, "gracewire", "tuned"],
  ),
  aim(
    "confirmed publish, over the naive one",
    { least: 5 },
    ({ publish }) => [publish, "gracewire", "naive"],
  ),
  aim("confirmed publish, over the best of the Java SDK on the same broker", { least: 5 }, ({ publish }) => [
    publish,
    "gracewire",
    "java",
  ]),
  aim("request/reply, of the tuned limit", { least: 0.7 }, ({ request }) => [request, "gracewire", "tuned"]),
  ...["publish", "request"].flatMap((workload) => [
    trip(`round trip of a ${workload}, of the raw echo`, { most: 1.5 }, workload, "raw"),
    trip(`round trip of a ${workload}, of the Java SDK's on the same broker`, { most: 1 }, workload, "java"),
  ]),
  aim("round trip of a publish, of the Java SDK's on the EventMesh runtime", { most: 1 }, ({ broker }) => [
    broker?.oneCore ?? broker?.anyCore,
    "fleet@runtime",
    "java@runtime",
    "p50",
  ]),
  aim("round trip to the broker, of that to the EventMesh runtime", { most: 0.5 }, ({ broker }) => [
    broker?.oneCore ?? broker?.anyCore,
    "fleet@broker",
    "fleet@runtime",
    "p50",
  ]),
  aim("publish from many connections, over the EventMesh runtime", { least: 5 }, ({ many }) => [
    many,
    "fleet@broker",
    "fleet@runtime",
  ]),
];

function aim(title, bounds, find) {
  return { title, bounds, find };
}

function trip(title, bounds, workload, other) {
  return aim(title, bounds, ({ oneCore, anyCore }) => [
    (oneCore ?? anyCore)?.[workload],
    "gracewire",
    other,
    "p50",
  ]);
}

/** All tables, one under the other. */
export function report(all) {
  return [
    ["Aims, as medians of the rounds:", aimsTable(all)],
    ["With many outstanding; ratios of throughput, median (quartiles):", throughputTable(all)],
    [
      "One outstanding, client and server on one core, p50 / p99 in microseconds; ratios of p50:",
      tripsTable(all, "oneCore"),
    ],
    ["The same on any core, for information:", tripsTable(all, "anyCore")],
    ["Beside the EventMesh runtime 1.12.0, with the same client and one subscriber:", besideTable(all)],
    ["The Java SDK 1.12.0, confirmed publish at its best mix of threads and connections:", mixTable(all)],
  ].filter(([, rows]) => rows !== "").map(([title, rows]) => `${title}\n\n${rows}`).join("\n\n");
}

/** Systems that were named on the command line, beside the first of them. */
export function comparison(all, [first, ...others]) {
  const rows = all.flatMap((results) =>
    [
      ...["publish", "request"].map((workload) => [titles[workload], results[workload], "rate"]),
      ...["publish", "request"].map((workload) => [
        titles[`${workload}Trip`],
        (results.oneCore ?? results.anyCore)[workload],
        "p50",
      ]),
    ].flatMap(([title, systems, what]) =>
      [first, ...others].filter((name) => systems?.[name] !== undefined).map((name) => [
        results.name,
        title,
        name,
        what === "rate" ? perSecond(systems[name]) : `${times(systems[name])} µs`,
        name === first ? none : ratioOf(systems, name, first, what),
        cost(systems[name]),
      ])
    )
  );
  return table(
    ["runtime", "workload", "system", ">rate, or p50 / p99", `>of ${first}`, ">µs of processor"],
    rows,
  );
}

function aimsTable(all) {
  const rows = aims.map(({ title, bounds: { least, most }, find }) => [
    title,
    least === undefined ? `at most ${most}` : `at least ${least}`,
    ...all.map((results) => {
      const [systems, one, other, what] = find(results);
      if (systems?.[one] === undefined || systems[other] === undefined) return none;
      const value = median(perRound(systems[one], systems[other], what));
      const reached = least === undefined ? value <= most : value >= least;
      return `${value.toFixed(2)} ${reached ? "reached" : "**missed**"}`;
    }),
  ]);
  const measured = rows.filter(([, , ...values]) => values.some((value) => value !== none));
  return table(["aim", "wanted", ...all.map(({ name }) => `>${name}`)], measured);
}

/** What many operations at a time come to. */
export function throughputTable(all) {
  const rows = all.flatMap((results) =>
    ["publish", "request"].filter((workload) => results[workload] !== undefined).map((workload) => {
      const systems = results[workload];
      return [
        results.name,
        titles[workload],
        systems.gracewire === undefined ? none : perSecond(systems.gracewire),
        ...["tuned", "naive", "java"].map((other) => ratioOf(systems, "gracewire", other)),
        ["gracewire", "tuned", "naive"].map((name) => cost(systems[name])).join(" / "),
      ];
    })
  );
  const head = [">gracewire", ">of tuned", ">over naive", ">over Java", ">µs gracewire / tuned / naive"];
  return table(["runtime", "workload", ...head], rows);
}

function tripsTable(all, cores) {
  const names = ["gracewire", "tuned", "raw", "java"];
  const rows = all.flatMap((results) =>
    ["publish", "request"].filter((workload) => results[cores]?.[workload] !== undefined).map((workload) => {
      const systems = results[cores][workload];
      return [
        results.name,
        workload,
        ...names.map((name) => times(systems[name])),
        ...["raw", "java"].map((other) => ratioOf(systems, "gracewire", other, "p50")),
      ];
    })
  );
  return table(["runtime", "operation", ...names.map((name) => `>${name}`), ">of raw", ">of Java"], rows);
}

function besideTable(all) {
  const rows = all.flatMap((results) => {
    const { broker, many, name } = results;
    const trips = ["oneCore", "anyCore"].filter((cores) => broker?.[cores] !== undefined).map((cores) => [
      name,
      `${titles.broker}, ${cores === "oneCore" ? "one core" : "any core"}, µs`,
      ...["fleet@broker", "fleet@runtime", "java@runtime"].map((system) => times(broker[cores][system])),
      ratioOf(broker[cores], "fleet@broker", "fleet@runtime", "p50"),
    ]);
    if (many === undefined) return trips;
    const rates = ["fleet@broker", "fleet@runtime"].map((system) => withFailures(many[system]));
    return [...trips, [name, titles.many, ...rates, none, ratioOf(many, "fleet@broker", "fleet@runtime")]];
  });
  const head = [">broker", ">EventMesh runtime", ">Java on the EventMesh runtime", ">broker / runtime"];
  return table(["runtime", "workload", ...head], rows);
}

function mixTable(all) {
  const rows = all.flatMap(({ name, mix, mixOfRuntime }) =>
    [[`broker on ${name}`, mix], ["EventMesh runtime 1.12.0", mixOfRuntime]].filter(([, best]) =>
      best !== undefined
    )
      .map(([server, { outstanding, connections, rate }]) => [
        server,
        `${outstanding} threads, ${connections} connections`,
        perSecond([{ rate }]),
      ])
  );
  return table(["server", "best mix", ">rate"], rows);
}

function ratioOf(systems, one, other, what) {
  if (systems[one] === undefined || systems[other] === undefined) return none;
  return ratios(systems[one], systems[other], what);
}

function cost(results) {
  return results === undefined ? none : median(results.map(({ cost }) => cost)).toFixed(1);
}

function times(results) {
  if (results === undefined) return none;
  const [p50, p99] = ["p50", "p99"].map((what) => quantile(results.map((result) => result[what]), 0.5));
  return `${p50.toFixed(1)} / ${p99.toFixed(0)}`;
}

function withFailures(results) {
  const share = median(results.map(({ share }) => share));
  return `${perSecond(results)}${share === 0 ? "" : `, ${(share * 100).toFixed(1)} % unconfirmed`}`;
}

/** A column whose title begins with `>` is of figures. Empty without rows. */
function table(head, rows) {
  if (rows.length === 0) return "";
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const marks = head.map((title) => title.startsWith(">") ? "---:" : "---");
  return [head.map((title) => title.replace(/^>/, "")), marks, ...rows].map(line).join("\n");
}
