/** Units of measured values: how a value is written, where the lines of an axis lie, how times are written below it. Pure. */

import { bytes, duration, short, time } from "./format.js";

/** @typedef {{text: (value: number) => string, increments?: number[], word: string}} Unit */

const KILO = ["", "k", "M", "G", "T"];
const BINARY = Array.from({ length: 51 }, (_, power) => 2 ** power);
const UNKNOWN = "unknown";

/**
 * A count, of which three digits are enough above ten thousand.
 * @param {number} value
 */
export function count(value) {
  let unit = 0;
  let amount = value;
  while (Math.abs(amount) >= (unit ? 1000 : 10_000) && unit < KILO.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return unit ? `${short(amount)} ${KILO[unit]}` : small(amount);
}

/** @param {number} value */
function small(value) {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toPrecision(2);
  return short(value);
}

/**
 * How long something took.
 * @param {number} value seconds
 */
export function seconds(value) {
  const amount = Math.abs(value);
  if (amount === 0) return "0 s";
  if (amount < 1e-6) return `${short(value * 1e9)} ns`;
  if (amount < 1e-3) return `${short(value * 1e6)} µs`;
  if (amount < 1) return `${short(value * 1e3)} ms`;
  return amount < 120 ? `${short(value)} s` : duration(value * 1000);
}

/** @param {number} value 1 is all of it */
function ratio(value) {
  const percents = value * 100;
  return `${Math.abs(percents) < 10 ? Number(percents.toPrecision(2)) : Math.round(percents)} %`;
}

/** The units that there are, by name. @type {Record<string, Unit>} */
export const UNITS = {
  bytes: { text: bytes, increments: BINARY, word: "bytes" },
  "bytes/s": { text: (value) => `${bytes(value)}/s`, increments: BINARY, word: "bytes per second" },
  seconds: { text: seconds, word: "seconds" },
  "seconds/s": { text: (value) => `${count(value)} s/s`, word: "seconds per second" },
  cpus: { text: (value) => `${count(value)} CPU`, word: "CPUs" },
  count: { text: count, word: "count" },
  "count/s": { text: (value) => `${count(value)}/s`, word: "per second" },
  ratio: { text: ratio, word: "percent" },
  celsius: { text: (value) => `${short(value)} °C`, word: "degrees Celsius" },
  load: { text: small, word: "load" },
  state: { text: small, word: "state, 1 is yes" },
  moment: { text: (value) => time(value * 1000), word: "a moment" },
};

/**
 * A unit by its name; what is not known is a count.
 * @param {string} name
 * @returns {Unit}
 */
export function unit(name) {
  return UNITS[name] ?? UNITS.count;
}

/**
 * A value with its unit; null or nothing: that it is not known.
 * @param {number | null | undefined} value
 * @param {string} name of the unit
 */
export function written(value, name) {
  return value === null || value === undefined || !Number.isFinite(value) ? UNKNOWN : unit(name).text(value);
}

/**
 * The unit of what an aggregate makes of a metric.
 * @param {{name: string, unit: string}} metric
 * @param {string} aggregate
 */
export function unitOf(metric, aggregate) {
  if (aggregate === "count") return "count";
  if (aggregate === "rate") return metric.unit in UNITS && metric.unit ? `${metric.unit}/s` : "count/s";
  if (aggregate !== "increase" && /_time_seconds$/.test(metric.name)) return "moment";
  return metric.unit || "count";
}

/**
 * What stands below the lines of an axis of time: times of day, with the date where it changes.
 * @param {number[]} splits Unix ms
 * @param {number} increment ms between them
 * @param {string} [zone] a time zone, else the browser's
 */
export function timeTicks(splits, increment, zone) {
  const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: zone });
  const clock = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit", minute: "2-digit", second: increment < 60_000 ? "2-digit" : undefined, timeZone: zone,
  });
  let before = "";
  return splits.map((at) => {
    const date = day.format(at);
    if (increment >= 86_400_000) return date;
    const text = date === before || !before ? clock.format(at) : `${clock.format(at)}\n${date}`;
    before = date;
    return text;
  });
}
