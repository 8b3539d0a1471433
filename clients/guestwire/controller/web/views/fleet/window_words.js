/** Maintenance windows in words, and what a form of one says. Pure. */

import { word } from "../../core/command_line.js";

/** @typedef {import("../../types/api.js").components["schemas"]["WindowSpec"]} WindowSpec */
/** @typedef {{days: string[], start: string, end: string}} SpanRow */
/** @typedef {{date: string, start: string, end: string}} ExceptionRow both empty: closed all day */
/** @typedef {{name: string, zone: string, spans: SpanRow[], exceptions: ExceptionRow[], last: string, note: string}} WindowForm */

export const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** @type {Record<string, string>} */
export const DAY_NAMES = {
  mon: "Monday", tue: "Tuesday", wed: "Wednesday", thu: "Thursday", fri: "Friday", sat: "Saturday", sun: "Sunday",
};

/**
 * "mon-fri", "sat,sun": days that follow one another as a range.
 * @param {readonly string[]} days
 */
export function daysText(days) {
  const at = DAYS.map((day, index) => (days.includes(day) ? index : -1)).filter((index) => index >= 0);
  /** @type {string[]} */
  const parts = [];
  for (let first = 0; first < at.length;) {
    let last = first;
    while (last + 1 < at.length && at[last + 1] === at[last] + 1) last++;
    if (last - first >= 2) parts.push(`${DAYS[at[first]]}-${DAYS[at[last]]}`);
    else for (let one = first; one <= last; one++) parts.push(DAYS[at[one]]);
    first = last + 1;
  }
  return parts.join(",");
}

/**
 * When it is open, a line for each rule.
 * @param {{weekly?: readonly {days: readonly string[], start: string, end: string}[], exceptions?: readonly any[]}} spec
 */
export function openTexts(spec) {
  return [
    ...(spec.weekly ?? []).map(({ days, start, end }) => `${daysText(days)} ${start}-${end}`),
    ...(spec.exceptions ?? []).map(({ date, start, end }) => (start ? `on ${date} ${start}-${end}` : `closed on ${date}`)),
  ];
}

/**
 * The form of a window that is there; of none, a night for a beginning.
 * @param {{name: string, window: any} | null} window
 * @param {string} zone of the browser
 * @returns {WindowForm}
 */
export function formOfWindow(window, zone) {
  const nights = { days: DAYS.slice(0, 5), start: "22:00", end: "04:00" };
  if (!window) return { name: "", zone, spans: [nights], exceptions: [], last: "", note: "" };
  const { weekly = [], exceptions = [], last_s: last, time_zone: own = "UTC", note = "" } = window.window;
  return {
    name: window.name, zone: own, note, last: last ? String(last) : "",
    spans: weekly.map((/** @type {SpanRow} */ span) => ({ ...span, days: [...span.days] })),
    exceptions: exceptions.map((/** @type {any} */ one) => ({ date: one.date, start: one.start ?? "", end: one.end ?? "" })),
  };
}

/**
 * The window that a form says, as the API takes it.
 * @param {WindowForm} form
 * @returns {WindowSpec}
 */
export function windowSpec({ zone, spans, exceptions, last, note }) {
  return /** @type {WindowSpec} */ ({
    time_zone: zone.trim(), note, last_s: Number(last) || 0,
    weekly: spans.map(({ days, start, end }) => ({ days: DAYS.filter((day) => days.includes(day)), start, end })),
    exceptions: exceptions.map(({ date, start, end }) => (start || end ? { date, start, end } : { date })),
  });
}

/**
 * What must be mended before it can be saved; empty: nothing.
 * @param {WindowForm} form
 */
export function windowWrong({ name, zone, spans, exceptions, last }) {
  if (!/^[a-z0-9-]{1,36}$/.test(name)) return "The name: small letters, digits and hyphens, at most 36.";
  if (!zone.trim()) return "The time zone, as Europe/Berlin or UTC.";
  if (!spans.length && !exceptions.length) return "When it is open: one time at least.";
  if (spans.some(({ days }) => !days.length)) return "Each time needs a day of the week.";
  if (spans.some(({ start, end }) => !CLOCK.test(start) || !CLOCK.test(end))) {
    return "Times of day are written as 07:30; the end of a day is 24:00.";
  }
  if (exceptions.some(({ date, start, end }) => !date || Boolean(start) !== Boolean(end))) {
    return "A special day has a date, and both times or neither.";
  }
  return last && !/^\d{1,5}$/.test(last) ? "The seconds before it shuts are a whole number." : "";
}

const CLOCK = /^([01]\d|2[0-3]):[0-5]\d$|^24:00$/;

/**
 * The line that makes the same. A file says special days: the line has no words for them.
 * @param {WindowForm} form
 */
export function windowCli({ name, zone, spans, exceptions, last, note }) {
  const put = `guestwire window put ${word(name || "NAME")}`;
  if (exceptions.length) return `${put} --file window.toml`;
  const open = spans.map(({ days, start, end }) => ` --open ${daysText(days) || "DAYS"} ${start}-${end}`).join("");
  const more = [zone && zone !== "UTC" ? `--zone ${word(zone)}` : "", last ? `--last ${last}` : "", note ? `--note ${word(note)}` : ""];
  return [put + open, ...more].filter(Boolean).join(" ");
}
