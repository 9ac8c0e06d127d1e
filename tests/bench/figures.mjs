// What is said of a list of measurements.

/** The value below which such a part of the list lies; what is no number is left out. */
export function quantile(list, part) {
  const sorted = list.filter(Number.isFinite).sort((one, two) => one - two);
  if (sorted.length === 0) return NaN;
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

export function median(list) {
  return quantile(list, 0.5);
}

/** How many times as much the one has of something as the other, by rounds: of two slices each, there and back. */
export function perRound(ones, others, what = "rate") {
  const list = [];
  for (let i = 0; i < ones.length; i += 2) {
    list.push((ones[i][what] + ones[i + 1][what]) / (others[i][what] + others[i + 1][what]));
  }
  return list;
}

/** The same as text: median (quartiles). */
export function ratios(ones, others, what) {
  const list = perRound(ones, others, what);
  const [middle, low, high] = [0.5, 0.25, 0.75].map((part) => quantile(list, part).toFixed(2));
  return `${middle} (${low} to ${high})`;
}

export function perSecond(results) {
  return `${Math.round(median(results.map(({ rate }) => rate))).toLocaleString("en")}/s`;
}
