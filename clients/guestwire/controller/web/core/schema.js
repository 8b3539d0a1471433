/**
 * What a node of a JSON Schema (2020-12, as pydantic writes it) means as a field of a form: its kind, label, unit,
 * hint, limits,
 * choices and default. Pure; it draws nothing and judges no value (`schema_values.js` does).
 */

import { hintsOf, titleOf, unitOf } from "./schema_words.js";

/** @typedef {Record<string, any>} Node a node of a schema */
/**
 * A field.
 *
 * kind     text, long (several lines), number, switch, choice, chips (list of texts), checks (list of choices),
 * numbers (a fixed
 *          count of numbers), table (list of records), record, map (texts by name)
 * words    values that stand beside the kind's own: "auto"
 * choices  of choice and checks
 * fields   of record, and of a row of table
 * @typedef {{
 *   name: string, title: string, unit: string, hint: string, required: boolean, nullable: boolean, fallback: any,
 *   kind: "text" | "long" | "number" | "switch" | "choice" | "chips" | "checks" | "numbers" | "table" | "record" |
 * "map",
 *   whole: boolean, minimum?: number, maximum?: number, pattern?: string, shortest: number, longest: number, most:
 * number,
 *   words: any[], choices: {value: any, label: string}[], fields: Field[], item: Field | null, parts: Field[],
 * }} Field
 */

const LONG = 4096;

/**
 * The node of a definition, with the definitions that it names.
 * @param {Node} root a schema with $defs
 * @param {string} name "Guest"
 * @returns {Node}
 */
export function definition(root, name) {
  const found = root.$defs?.[name] ?? root.components?.schemas?.[name];
  if (!found) throw new Error(`the schema has no ${name}`);
  return { ...found, $defs: root.$defs ?? root.components.schemas };
}

/**
 * The fields of an object's schema, in its own order.
 * @param {Node} schema of an object, with $defs where it names any
 * @returns {Field[]}
 */
export function fieldsOf(schema) {
  const node = resolved(schema, schema.$defs ?? {});
  const hints = hintsOf(node.description ?? "", Object.keys(node.properties ?? {}));
  const required = new Set(node.required ?? []);
  return Object.entries(node.properties ?? {}).map(([name, one]) => {
    const field = fieldOf(name, one, schema.$defs ?? {});
    return { ...field, hint: field.hint || hints.get(name) || "", required: required.has(name) };
  });
}

/**
 * One field.
 * @param {string} name
 * @param {Node} node
 * @param {Record<string, Node>} defs
 * @returns {Field}
 */
export function fieldOf(name, node, defs) {
  const { branches, nullable, words } = alternatives(node, defs);
  const main = branches[0] ?? {};
  /** @type {Field} */
  const field = {
    name, title: titleOf(name), unit: unitOf(name), hint: node === main ? "" : node.description ?? "", required: false,
    nullable, fallback: node.default, kind: "text", whole: main.type === "integer", minimum: main.minimum, maximum:
      main.maximum,
    pattern: main.pattern, shortest: main.minLength ?? 0, longest: main.maxLength ?? Infinity,
    most: main.maxItems ?? Infinity, words, choices: [], fields: [], item: null, parts: [],
  };
  for (const [fits, shape] of SHAPES) {
    if (fits(main, words)) return withNothing({ ...field, ...shape(main, words, defs, name) });
  }
  return field;
}

/**
 * @param {Node} node
 * @param {Record<string, Node>} defs
 * @returns {Node}
 */
function resolved(node, defs) {
  if (!node.$ref) return node;
  const { $ref, ...beside } = node;
  const found = defs[$ref.slice($ref.lastIndexOf("/") + 1)];
  if (!found) throw new Error(`the schema has no ${$ref}`);
  return { ...resolved(found, defs), ...beside };
}

/**
 * What a value may be, without null and without words that stand for themselves.
 * @param {Node} node
 * @param {Record<string, Node>} defs
 */
function alternatives(node, defs) {
  /** @type {Node[]} */
  const all = (node.anyOf ?? node.oneOf ?? [node]).map((/** @type {Node} */ one) => resolved(one, defs));
  const words = all.filter((one) => "const" in one).map((one) => one.const);
  const branches = all.filter((one) => one.type !== "null" && !("const" in one));
  return { branches, words, nullable: all.some((one) => one.type === "null") };
}

/** @param {any} value */
function choice(value) {
  return { value, label: value === "" ? "none" : String(value) };
}

const YES_NO = [{ value: true, label: "yes" }, { value: false, label: "no" }];

/**
 * What is chosen from a list and may be nothing has nothing in the list; a switch has no third position.
 * @param {Field} field
 * @returns {Field}
 */
function withNothing(field) {
  if (!field.nullable || (field.kind !== "switch" && field.kind !== "choice")) return field;
  const choices = field.kind === "switch" ? YES_NO : field.choices;
  return { ...field, kind: "choice", choices: [{ value: null, label: "not set" }, ...choices] };
}

/** @typedef {(node: Node, words: any[]) => boolean} Fits */
/** @typedef {(node: Node, words: any[], defs: Record<string, Node>, name: string) => Partial<Field>} Shape */
/** The first that fits says what a node is. @type {readonly [Fits, Shape][]} */
const SHAPES = [
  [(node, words) => node.type === undefined && !node.enum && words.length > 0, (_node, words) => (
    { kind: "choice", words: [], choices: words.map(choice) })],
  [(node) => Boolean(node.enum), (node, words) => ({ kind: "choice", words: [], choices:
    [...words, ...node.enum].map(choice) })],
  [(node, words) => node.type === "boolean" && words.length > 0, (_node, words) => (
    { kind: "choice", words: [], choices: [...words.map(choice), ...YES_NO] })],
  [(node) => node.type === "boolean", () => ({ kind: "switch" })],
  [(node) => node.type === "integer" || node.type === "number", () => ({ kind: "number" })],
  [(node) => Boolean(node.prefixItems), (node, _words, defs) => (
    { kind: "numbers", parts: node.prefixItems.map((/** @type {Node} */ one, /** @type {number} */ at) =>
      fieldOf(String(at), one, defs)) })],
  [(node) => node.type === "array", (node, _words, defs, name) => listOf(node, defs, name)],
  [(node) => Boolean(node.properties), (node, _words, defs) =>
    ({ kind: "record", fields: fieldsOf({ ...node, $defs: defs }) })],
  [(node) => node.type === "object", () => ({ kind: "map" })],
  [(node) => (node.maxLength ?? 0) >= LONG && !node.pattern, () => ({ kind: "long" })],
];

/**
 * @param {Node} node
 * @param {Record<string, Node>} defs
 * @param {string} name
 * @returns {Partial<Field>}
 */
function listOf(node, defs, name) {
  const inner = resolved(node.items ?? {}, defs);
  if (inner.properties) return { kind: "table", fields: fieldsOf({ ...inner, $defs: defs }) };
  const item = fieldOf(name, inner, defs);
  return inner.enum ? { kind: "checks", item, choices: item.choices } : { kind: "chips", item };
}
