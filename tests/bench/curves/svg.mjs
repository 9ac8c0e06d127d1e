// Pictures of curves as SVG. Grey text and middling colours: readable on white and on black alike.

const width = 720;
const height = 380;
const frame = { left: 64, right: 24, top: 68, bottom: 52 };
const colours = ["#2f81f7", "#8957e5", "#d29922", "#2da44e"];
const dark = ["#58a6ff", "#bc8cff", "#e3b341", "#56d364"];

/**
 * A chart of lines with a mark at each point, and a bar from the lower to the upper quartile where a point has them. The
 * horizontal axis is logarithmic, and has a tick at each of `ticks`; the vertical one begins at 0, or at `from` and is
 * logarithmic too. `limit` is shown across. A line that is `like` another has its colour, and no place of its own in the
 * legend.
 *
 * @param {{ title: string, x: { title: string, ticks: number[] }, y: { title: string, from?: number, limit?: number },
 *   lines: { name: string, points: { x: number, y: number, low?: number, high?: number }[], dashed?: boolean,
 *   like?: number }[] }} chart
 * @returns {string}
 */
export function chart({ title, x, y, lines }) {
  const most = Math.max(...lines.flatMap(({ points }) => points.map((point) => point.high ?? point.y)));
  const scale = y.from === undefined ? linear(most * 1.05) : logarithmic(y.from, most);
  const right = width - frame.right;
  const bottom = height - frame.bottom;
  const pad = 28;
  const along = logarithmic(x.ticks[0], x.ticks.at(-1)).part;
  const atX = (value) => frame.left + pad + along(value) * (right - frame.left - 2 * pad);
  const atY = (value) => bottom - scale.part(value) * (bottom - frame.top);
  const parts = [];
  for (const value of scale.steps) {
    parts.push(
      `<path class="grid" d="M${frame.left} ${n(atY(value))}H${right}"/>`,
      text(frame.left - 8, atY(value) + 4, "end", amount(value)),
    );
  }
  for (const value of x.ticks) {
    parts.push(
      `<path class="axis" d="M${n(atX(value))} ${bottom}v5"/>`,
      text(atX(value), bottom + 20, "middle", amount(value)),
    );
  }
  parts.push(`<path class="axis" d="M${frame.left} ${frame.top}V${bottom}H${right}"/>`);
  parts.push(text((frame.left + right) / 2, height - 10, "middle", x.title));
  parts.push(
    `<text transform="translate(16 ${n((frame.top + bottom) / 2)}) rotate(-90)" text-anchor="middle">${
      escape(y.title)
    }</text>`,
  );
  if (y.limit !== undefined) {
    parts.push(`<path class="limit" d="M${frame.left} ${n(atY(y.limit))}H${right}"/>`);
  }
  lines.forEach(({ points, dashed = false, like }, at) => {
    const colour = like ?? at;
    // Beside one another, so that no bar hides another.
    const shift = (at - (lines.length - 1) / 2) * 3;
    const place = (point) => `${n(atX(point.x) + shift)} ${n(atY(point.y))}`;
    const dash = dashed ? ' stroke-dasharray="5 4"' : "";
    parts.push(`<path class="line c${colour}" d="M${points.map(place).join("L")}"${dash}/>`);
    for (const point of points) {
      if (point.low !== undefined) {
        parts.push(
          `<path class="line c${colour}" d="M${n(atX(point.x) + shift)} ${n(atY(point.low))}V${
            n(atY(point.high))
          }"/>`,
        );
      }
      parts.push(mark(colour, atX(point.x) + shift, atY(point.y)));
    }
  });
  lines.filter(({ like }) => like === undefined).forEach(({ name }, at) => {
    const left = frame.left + at * ((right - frame.left) / 4);
    parts.push(
      `<path class="line c${at}" d="M${n(left)} 42h22"/>`,
      mark(at, left + 11, 42),
      text(left + 28, 46, "start", name),
    );
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>${escape(title)}</title>
<style>
svg { color: #6e7781; font: 13px system-ui, sans-serif }
text { fill: currentColor }
.grid { stroke: currentColor; stroke-opacity: 0.25 }
.axis { stroke: currentColor; fill: none }
.limit { stroke: currentColor; stroke-dasharray: 2 3 }
.line { fill: none; stroke-width: 2 }
${paint(colours)}
@media (prefers-color-scheme: dark) {
svg { color: #9198a1 }
${paint(dark)}
}
</style>
${text(frame.left, 20, "start", title, ' font-weight="600"')}
${parts.join("\n")}
</svg>
`;
}

function paint(list) {
  return list.map((colour, at) => `.line.c${at} { stroke: ${colour} }\n.mark.c${at} { fill: ${colour} }`)
    .join("\n");
}

/** Each line has a mark of its own shape, for those who tell colours badly. */
function mark(at, x, y) {
  const shapes = [
    () => `<circle class="mark c0" cx="${n(x)}" cy="${n(y)}" r="4"/>`,
    () => `<rect class="mark c1" x="${n(x - 4)}" y="${n(y - 4)}" width="8" height="8"/>`,
    () => `<path class="mark c2" d="M${n(x)} ${n(y - 5)}l5 9h-10z"/>`,
    () => `<path class="mark c3" d="M${n(x)} ${n(y - 5)}l5 5l-5 5l-5-5z"/>`,
  ];
  return shapes[at % shapes.length]();
}

function text(x, y, anchor, content, more = "") {
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}"${more}>${escape(content)}</text>`;
}

/** Which part of an axis a value is at, and the values that are written beside it. */
function linear(most) {
  const unit = 10 ** Math.floor(Math.log10(most));
  const times = [1, 2, 3, 4, 5, 6, 8, 10].find((times) => times * unit >= most);
  const step = times <= 2 ? unit / 2 : times <= 5 ? unit : 2 * unit;
  const count = times * unit / step;
  return {
    part: (value) => value / (times * unit),
    steps: Array.from({ length: Math.round(count) + 1 }, (_, at) => at * step),
  };
}

function logarithmic(least, most) {
  const decades = Math.ceil(Math.log10(most / least) - 1e-9);
  return {
    part: (value) => Math.log10(value / least) / decades,
    steps: Array.from({ length: decades + 1 }, (_, at) => least * 10 ** at),
  };
}

function amount(value) {
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}

function n(value) {
  return String(Math.round(value * 10) / 10);
}

function escape(content) {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
