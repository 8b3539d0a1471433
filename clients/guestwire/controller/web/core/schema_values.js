/** Values of a schema's fields: reading what somebody typed, judging it, showing it, starting a new one. Pure. */

import { same } from "./edit_paths.js";
import { bytes } from "./format.js";
import { allowedBy } from "./schema_words.js";

/** @typedef {import("./schema.js").Field} Field */

/** What a letter behind a number multiplies it by, in bytes; and what a field counts in. */
const STEPS = new Map([["k", 2 ** 10], ["m", 2 ** 20], ["g", 2 ** 30], ["t", 2 ** 40]]);
const COUNTED_IN = new Map([["MiB", 2 ** 20], ["bytes", 1]]);

/**
 * The value of a text that was typed into a field of one line. What cannot be read stays a text, for `wrongOf` to say.
 * @param {Field} field
 * @param {string} text
 * @returns {any}
 */
export function valueOf(field, text) {
  const bare = text.trim();
  if (bare === "" && (field.nullable || field.kind === "number")) return null;
  if (field.words.includes(bare)) return bare;
  if (field.kind === "number") return numberOf(field, bare);
  if (field.kind === "numbers") return bare.split(/[,x\s]+/).map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return field.kind === "long" || !field.pattern ? text : bare;
}

/**
 * @param {Field} field
 * @param {string} text
 */
function numberOf(field, text) {
  const base = COUNTED_IN.get(field.unit);
  const sized = base ? /^(\d+(?:\.\d+)?)\s*([kmgt])(?:i?b)?$/i.exec(text) : null;
  if (base && sized) return Number(sized[1]) * (STEPS.get(sized[2].toLowerCase()) ?? 1) / base;
  return /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

/**
 * Why a value cannot be: what is allowed. Empty: it can.
 * @param {Field} field
 * @param {any} value
 * @returns {string}
 */
export function wrongOf(field, value) {
  if (value === null || value === undefined) return field.nullable || !field.required ? "" : "This is needed.";
  if (field.words.includes(value)) return "";
  return JUDGES[field.kind](field, value);
}

/** @type {Record<Field["kind"], (field: Field, value: any) => string>} */
const JUDGES = {
  text: judgeText,
  long: judgeText,
  number: judgeNumber,
  switch: (_field, value) => (typeof value === "boolean" ? "" : "This is yes or no."),
  choice: (field, value) => (field.choices.some((one) => one.value === value) ? "" :
    `One of ${field.choices.map((one) => one.label).join(", ")}.`),
  chips: (field, value) => judgeItems(field, value),
  checks: (field, value) => judgeItems(field, value),
  numbers: judgeNumbers,
  table: (field, value) => judgeCount(field, value) || firstWrong(value.map((/** @type {any} */ row) =>
    judgeRecord(field, row))),
  record: judgeRecord,
  map: () => "",
};

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeText(field, value) {
  const text = String(value);
  if (field.required && text === "") return "This is needed.";
  if (text.length < field.shortest) return field.shortest === 1 ? "This is needed." :
    `At least ${field.shortest} characters.`;
  if (text.length > field.longest) return `At most ${field.longest} characters; it has ${text.length}.`;
  return field.pattern && !new RegExp(field.pattern).test(text) ? `Allowed: ${allowedBy(field.pattern)}.` : "";
}

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeNumber(field, value) {
  const fits = typeof value === "number" && Number.isFinite(value) && (!field.whole || Number.isInteger(value)) &&
    value >= (field.minimum ?? -Infinity) && value <= (field.maximum ?? Infinity);
  return fits ? "" : `Allowed: ${limitsOf(field)}.`;
}

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeNumbers(field, value) {
  const good = Array.isArray(value) && value.length === field.parts.length &&
    value.every((one, at) => !wrongOf(field.parts[at], one));
  if (good) return "";
  const words = field.words.length ? `${field.words.join(" or ")}, or ` : "";
  return `Allowed: ${words}${field.parts.length} whole numbers with commas, such as ${field.parts.map(() =>
    1).join(",")}.`;
}

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeItems(field, value) {
  const { item } = field;
  return judgeCount(field, value) || (item ? firstWrong(value.map((/** @type {any} */ one) => wrongOf(item, one))) :
    "");
}

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeCount(field, value) {
  if (!Array.isArray(value)) return "This is a list.";
  return value.length > field.most ? `At most ${field.most}.` : "";
}

/**
 * @param {Field} field
 * @param {any} value
 */
function judgeRecord(field, value) {
  return firstWrong(field.fields.map((one) => {
    const wrong = wrongOf(one, value[one.name]);
    return wrong && `${one.title}: ${wrong}`;
  }));
}

/** @param {string[]} all */
function firstWrong(all) {
  return all.find((one) => one !== "") ?? "";
}

/**
 * The limits of a number: "a whole number from 16 to 16777216".
 * @param {Field} field
 */
export function limitsOf(field) {
  const noun = field.whole ? "a whole number" : "a number";
  const { minimum: from, maximum: to } = field;
  if (from !== undefined && to !== undefined) return `${noun} from ${from} to ${to}`;
  if (from !== undefined) return `${noun} of at least ${from}`;
  return to !== undefined ? `${noun} of at most ${to}` : noun;
}

/**
 * A value as it is typed into a field of one line.
 * @param {Field} field
 * @param {any} value
 */
export function typed(field, value) {
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join(field.kind === "numbers" ? "," : ", ") : String(value);
}

/**
 * A value as people read it; "-" where there is none.
 * @param {Field} field
 * @param {any} value
 * @returns {string}
 */
export function shown(field, value) {
  if (value === null || value === undefined || value === "") return "-";
  if (field.words.includes(value)) return String(value);
  const reader = READERS[field.kind];
  if (field.unit === "bytes" && value >= 1024) return `${value} bytes (${bytes(value)})`;
  return reader ? reader(field, value) : `${typed(field, value)}${field.unit ? ` ${field.unit}` : ""}`;
}

/** @type {Partial<Record<Field["kind"], (field: Field, value: any) => string>>} */
const READERS = {
  switch: (_field, value) => (value ? "yes" : "no"),
  choice: (field, value) => {
    const label = field.choices.find((one) => one.value === value)?.label ?? String(value);
    return field.unit && typeof value === "number" ? `${label} ${field.unit}` : label;
  },
  numbers: (_field, value) => value.join(", "),
  chips: (_field, value) => (value.length ? value.join(", ") : "-"),
  checks: (_field, value) => (value.length ? value.join(", ") : "-"),
  table: (field, value) => (value.length ? value.map((/** @type {any} */ row) => recordText(field, row)).join("; ") :
    "-"),
  record: (field, value) => recordText(field, value),
  map: (_field, value) => Object.entries(value).map(([name, one]) => `${name}: ${one}`).join(", ") || "-",
};

/**
 * What a record says beyond its defaults.
 * @param {Field} field
 * @param {any} row
 */
function recordText(field, row) {
  const said = field.fields.filter((one) => row[one.name] !== undefined && row[one.name] !== null &&
    !same(row[one.name], one.fallback));
  const parts = said.map((one) => `${one.title.toLowerCase()} ${shown(one, row[one.name])}`);
  if (parts.length) return parts.join(", ");
  const first = field.fields[0];
  return first ? `${first.title.toLowerCase()} ${shown(first, row[first.name] ?? first.fallback)}` : "-";
}

/**
 * A new record: the defaults, and nothing where something is needed.
 * @param {readonly Field[]} fields
 * @returns {Record<string, any>}
 */
export function blank(fields) {
  return Object.fromEntries(fields.map((one) => [one.name, one.fallback !== undefined ? one.fallback : null]));
}
