/**
 * Series of measured values: points of several series on one axis of time, gaps that stay gaps, what there is to say of them, the
 * cells of a heat map. Pure; how values are written is `units`' matter.
 */

import { written } from "./units.js";

/** A time in Unix ms and a value. @typedef {[number, number | null]} Point */
/** @typedef {{label: string, points: readonly Point[]}} Series */
/** @typedef {{last: number | null, lastAt: number, least: number, most: number, count: number}} Summary */

/** What is further apart than so many usual distances has a gap between. */
const GAP = 2.5;

/**
 * The usual distance of points in ms: the median. 0: there are fewer than two.
 * @param {readonly Point[]} points by time
 */
export function spacing(points) {
  const between = [];
  for (let n = 1; n < points.length; n += 1) between.push(points[n][0] - points[n - 1][0]);
  between.sort((one, other) => one - other);
  return between.length ? between[(between.length - 1) >> 1] : 0;
}

/**
 * The points with a null between those that are further apart than they use to be: a line ends there.
 * @param {readonly Point[]} points by time
 * @param {number} step ms, of the question; 0: as they come
 * @returns {Point[]}
 */
export function withGaps(points, step) {
  const usual = spacing(points);
  const most = GAP * Math.max(step, usual);
  /** @type {Point[]} */
  const found = [];
  let before = -Infinity;
  for (const point of points) {
    if (found.length && point[0] - before > most) found.push([before + (step || usual), null]);
    found.push(point);
    before = point[0];
  }
  return found;
}

/**
 * Several series on the times of all of them. A column has undefined where its series has no point at a time that another has,
 * and null where a gap is.
 * @param {readonly Series[]} series
 * @param {number} step ms
 * @returns {{times: number[], columns: (number | null | undefined)[][]}}
 */
export function merged(series, step) {
  const whole = series.map((one) => withGaps(one.points, step));
  /** @type {Map<number, number>} */
  const places = new Map();
  for (const points of whole) for (const [at] of points) places.set(at, 0);
  const times = [...places.keys()].sort((one, other) => one - other);
  times.forEach((at, place) => places.set(at, place));
  const columns = whole.map((points) => {
    /** @type {(number | null | undefined)[]} */
    const column = new Array(times.length).fill(undefined);
    for (const [at, value] of points) column[/** @type {number} */ (places.get(at))] = value;
    return column;
  });
  return { times, columns };
}

/**
 * What there is to say of a series; null: it has no value.
 * @param {readonly Point[]} points
 * @returns {Summary | null}
 */
export function summary(points) {
  /** @type {Summary | null} */
  let found = null;
  for (const [at, value] of points) {
    if (value === null) continue;
    found ??= { last: value, lastAt: at, least: value, most: value, count: 0 };
    found.last = value;
    found.lastAt = at;
    found.least = Math.min(found.least, value);
    found.most = Math.max(found.most, value);
    found.count += 1;
  }
  return found;
}

/**
 * A sentence about what a chart shows, for who does not see it.
 * @param {readonly Series[]} series
 * @param {string} unit
 */
export function sentence(series, unit) {
  const told = series.map((one) => ({ label: one.label, its: summary(one.points) }));
  const some = told.filter((one) => one.its !== null);
  if (!some.length) return "No values in this time.";
  if (some.length <= 3) {
    return some.map(({ label, its }) => `${label}: last ${written(its?.last, unit)}, lowest ${
      written(its?.least, unit)}, highest ${written(its?.most, unit)}.`).join(" ");
  }
  const by = [...some].sort((one, other) => (other.its?.last ?? 0) - (one.its?.last ?? 0));
  const [first, last] = [by[0], by[by.length - 1]];
  return `${some.length} series. Highest last: ${first.label} with ${written(first.its?.last, unit)}; lowest last: ${
    last.label} with ${written(last.its?.last, unit)}.`;
}

/**
 * The series with the highest last values, in the order they were given.
 * @template {Series} S
 * @param {readonly S[]} series
 * @param {number} most
 * @returns {S[]}
 */
export function highest(series, most) {
  if (series.length <= most) return [...series];
  const ranked = series.map((one, place) => ({ place, value: summary(one.points)?.last ?? -Infinity }));
  ranked.sort((one, other) => other.value - one.value);
  const kept = new Set(ranked.slice(0, most).map((one) => one.place));
  return series.filter((_, place) => kept.has(place));
}

/**
 * Rows of a table of points, the newest first.
 * @param {readonly Series[]} series
 * @param {number} most rows
 * @returns {{at: number, values: (number | null)[]}[]}
 */
export function tableRows(series, most) {
  const { times, columns } = merged(series.map((one) => ({ ...one, points: one.points.filter(known) })), Infinity);
  return times.slice(-most).map((at, n) => {
    const place = Math.max(0, times.length - most) + n;
    return { at, values: columns.map((column) => column[place] ?? null) };
  }).reverse();
}

/** @param {Point} point */
function known(point) {
  return point[1] !== null;
}

/**
 * The values of a row of a heat map, one for each column; null: there is none. A column in which there are several has their mean;
 * one between two points that are as far apart as they use to be has the earlier one's value.
 * @param {readonly Point[]} points by time
 * @param {number} from ms
 * @param {number} to ms
 * @param {number} columns
 * @param {number} step ms
 * @returns {(number | null)[]}
 */
export function cells(points, from, to, columns, step) {
  const width = (to - from) / columns;
  const reach = Math.max(step, spacing(points));
  const sums = new Array(columns).fill(0);
  const counts = new Array(columns).fill(0);
  points.forEach(([at, value], n) => {
    if (value === null) return;
    const until = Math.min(points[n + 1]?.[0] ?? Infinity, at + reach);
    const first = Math.max(0, Math.floor((at - from) / width));
    const last = Math.min(columns - 1, Math.ceil((until - from) / width) - 1);
    for (let column = first; column <= last; column += 1) {
      sums[column] += value;
      counts[column] += 1;
    }
  });
  return sums.map((sum, column) => (counts[column] ? sum / counts[column] : null));
}
