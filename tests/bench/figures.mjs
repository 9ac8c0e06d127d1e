// What is said of a list of measurements.

/** The value below which such a part of the list lies. */
export function quantile(list, part) {
  const sorted = [...list].sort((one, two) => one - two);
  const at = (sorted.length - 1) * part;
  const low = sorted[Math.floor(at)];
  return low + (sorted[Math.ceil(at)] - low) * (at - Math.floor(at));
}

export function median(list) {
  return quantile(list, 0.5);
}

/**
 * How many times the one is as fast as the other: median (quartiles) of the rounds. A round is two slices of each, there
 * and back.
 */
export function ratios(ones, others) {
  const list = [];
  for (let i = 0; i < ones.length; i += 2) {
    list.push((ones[i].rate + ones[i + 1].rate) / (others[i].rate + others[i + 1].rate));
  }
  const [middle, low, high] = [0.5, 0.25, 0.75].map((part) => quantile(list, part).toFixed(2));
  return `${middle} (${low} to ${high})`;
}

export function perSecond(results) {
  return `${Math.round(median(results.map(({ rate }) => rate))).toLocaleString("en")}/s`;
}
