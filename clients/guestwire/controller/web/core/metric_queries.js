/**
 * Questions about telemetry and what their answers mean for a chart, the address of the same as a file, the same as a line for the
 * CLI. It asks by the API it is given and keeps nothing.
 */

import { word } from "./command_line.js";
import { shortTime } from "./time_range.js";

const ORDER = new Intl.Collator("en", { numeric: true });

/** @typedef {import("./series.js").Point} Point */
/** @typedef {Record<string, string>} Labels */
/**
 * One question to the API. `label`: what a series is called, of its labels; a text where there is one.
 * @typedef {{selector: string, aggregate?: string, by?: readonly string[], across?: string,
 *   label?: string | ((labels: Labels) => string)}} Part
 */
/** What one chart asks. @typedef {{title: string, unit: string, parts: readonly Part[], empty?: string, most?: number}} Question */
/** @typedef {{from: number, to: number, step: number}} Window */
/** @typedef {{label: string, labels: Labels, points: readonly Point[]}} Told */
/** @typedef {{site: string, host: string, since: number, until: number, why: string, spool_class: string, numbers: number, text: string}} Gap */
/** @typedef {{site: string, host: string, offset_ms: number, at: number}} Clock */
/** @typedef {{series: Told[], gaps: Gap[], clocks: Clock[], step: number}} Answer */

/**
 * What a question of one part is asked with.
 * @param {Part} part
 * @param {Window} window
 * @returns {import("./api.js").Query}
 */
export function words(part, window) {
  return {
    selector: part.selector, start: Math.floor(window.from), end: Math.ceil(window.to), step: window.step,
    aggregate: part.aggregate ?? "avg", across: part.across,
    ...(part.by ? { by: part.by.length ? part.by : [""] } : {}),
  };
}

/**
 * The series that a chart shows.
 * @param {import("./api.js").Api} api
 * @param {Pick<Question, "parts">} question
 * @param {Window} window
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>} Rejects with Problem.
 */
export async function ask(api, question, window, signal) {
  const answers = await Promise.all(question.parts.map((part) => api.get("/metrics/query", words(part, window), signal)));
  return {
    series: answers.flatMap((answer, n) => toldOf(question.parts[n], answer.series)),
    gaps: once(answers.flatMap((answer) => answer.gaps)),
    clocks: once(answers.flatMap((answer) => answer.clocks)),
    step: Math.max(window.step, ...answers.map((answer) => answer.step)),
  };
}

/**
 * The series of an answer by their names, CPU 2 before CPU 10.
 * @param {Part} part
 * @param {{labels: Labels, points: Point[]}[]} series
 * @returns {Told[]}
 */
function toldOf(part, series) {
  const told = series.map(({ labels, points }) => ({ label: labelOf(part, labels), labels, points }));
  return told.sort((one, other) => ORDER.compare(one.label, other.label));
}

/**
 * @template T
 * @param {T[]} documents
 * @returns {T[]}
 */
function once(documents) {
  return [...new Map(documents.map((one) => [JSON.stringify(one), one])).values()];
}

/**
 * What a series of an answer is called.
 * @param {Part} part
 * @param {Labels} labels
 */
export function labelOf(part, labels) {
  if (typeof part.label === "function") return part.label(labels);
  if (part.label !== undefined) return part.label;
  return labelsText(labels);
}

/**
 * Labels as people read them: the host, then what it is of it.
 * @param {Labels} labels
 */
export function labelsText(labels) {
  const { site, host, ...own } = labels;
  const where = [site, host].filter(Boolean).join("/");
  const rest = Object.entries(own).map(([name, value]) => `${name} ${value}`).join(", ");
  return [where, rest].filter(Boolean).join(" ") || "all";
}

/**
 * The address of the same as a file.
 * @param {import("./api.js").Api} api
 * @param {Part} part
 * @param {Window} window
 */
export function csvAddress(api, part, window) {
  return api.address("/metrics/query", { ...words(part, window), format: "csv" });
}

/**
 * The same for a shell.
 * @param {Part} part
 * @param {import("./time_range.js").TimeRange} range
 * @param {number} step ms
 */
export function cliLine(part, range, step) {
  const line = ["guestwire metrics query", word(part.selector), rangeWords(range), `--step ${shortTime(step)}`];
  if (part.aggregate && part.aggregate !== "avg") line.push(`--aggregate ${part.aggregate}`);
  if (part.by) line.push(part.by.length ? `--by ${part.by.join(",")}` : "--by ''");
  if (part.across) line.push(`--across ${part.across}`);
  return line.join(" ");
}

/**
 * A time as the CLI's commands take it.
 * @param {import("./time_range.js").TimeRange} range
 */
export function rangeWords({ from, to, live }) {
  return live ? `--since ${shortTime(to - from)}` : `--since ${new Date(from).toISOString()} --until ${new Date(to).toISOString()}`;
}
