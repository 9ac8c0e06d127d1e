// Puts tables into a document, between the marks `<!-- NAME -->` and `<!-- end of NAME -->`.
import { readFileSync, writeFileSync } from "node:fs";

/** Replaces what is between the marks. */
export function replaceBetween(file, contents) {
  let document = readFileSync(file, "utf8");
  for (const [name, content] of Object.entries(contents)) {
    const [start, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
    const [from, to] = [document.indexOf(start), document.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`Expected ${start.trim()} and ${end} in ${file}`);
    document = `${document.slice(0, from + start.length)}\n${content}\n\n${document.slice(to)}`;
  }
  writeFileSync(file, document);
}

/** A table as the formatter leaves it: columns of one width each, figures to the right. Words in the first column only. */
export function table(head, rows) {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((row) => String(row[at]).length), 3));
  const line = (row) =>
    `| ${
      row.map((cell, at) => at === 0 ? String(cell).padEnd(widths[at]) : String(cell).padStart(widths[at]))
        .join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, at) => at === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")
  } |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
