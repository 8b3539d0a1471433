/** The time that charts show and how often they are refreshed, as the address says it. Pure: the time is an argument. */

/** @typedef {{name: string, from: number, to: number, live: boolean}} TimeRange `live`: it ends now. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The ranges that end now, in ms. @type {Record<string, number>} */
export const RANGES = { "15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "24h": 24 * HOUR, "7d": 168 * HOUR };
/** How often, in ms; 0: never. @type {Record<string, number>} */
export const REFRESHES = { off: 0, "2s": 2000, "10s": 10_000, "1m": MINUTE };

export const USUAL_RANGE = "1h";
export const USUAL_REFRESH = "10s";
const SHORTEST = 10_000;

/** Steps that people can read, in ms. */
const STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400,
].map((one) => one * 1000);

/**
 * The range that an address names; the usual one where it names none that can be.
 * @param {URLSearchParams} query
 * @param {number} now Unix ms
 * @returns {TimeRange}
 */
export function rangeOf(query, now) {
  const [from, to] = [Number(query.get("from")), Number(query.get("to"))];
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && to >= from + SHORTEST) {
    return { name: "custom", from, to, live: false };
  }
  const given = query.get("range") ?? "";
  const name = Object.hasOwn(RANGES, given) ? given : USUAL_RANGE;
  return { name, from: now - RANGES[name], to: now, live: true };
}

/**
 * How often, in ms; 0: never. A range that does not end now is never refreshed.
 * @param {URLSearchParams} query
 */
export function refreshOf(query) {
  return REFRESHES[refreshName(query)];
}

/** @param {URLSearchParams} query */
export function refreshName(query) {
  const given = query.get("refresh") ?? "";
  return Object.hasOwn(REFRESHES, given) ? given : USUAL_REFRESH;
}

/**
 * A chosen time, not shorter than what can be asked for.
 * @param {number} from
 * @param {number} to
 * @returns {{from: number, to: number}}
 */
export function chosenRange(from, to) {
  const [first, last] = [Math.round(Math.min(from, to)), Math.round(Math.max(from, to))];
  if (last - first >= SHORTEST) return { from: first, to: last };
  const middle = Math.round((first + last) / 2);
  return { from: middle - SHORTEST / 2, to: middle + SHORTEST / 2 };
}

/**
 * The step for so many pixels, ms: never more points than pixels, and whole seconds, minutes, hours.
 * @param {number} from
 * @param {number} to
 * @param {number} pixels
 */
export function stepFor(from, to, pixels) {
  const least = (to - from) / Math.max(50, pixels);
  return STEPS.find((one) => one >= least) ?? Math.ceil(least / 86_400_000) * 86_400_000;
}

/**
 * A time of less than a day as a program takes it: 30s, 5m, 2h.
 * @param {number} ms
 */
export function shortTime(ms) {
  const units = /** @type {const} */ ([["d", 86_400_000], ["h", HOUR], ["m", MINUTE], ["s", 1000]]);
  const [letter, length] = units.find((one) => ms >= one[1] && ms % one[1] === 0) ?? ["s", 1000];
  return `${Math.round(ms / length)}${letter}`;
}
