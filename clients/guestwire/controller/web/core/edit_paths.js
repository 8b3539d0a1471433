/** Edits of a host's desired state, carried out on the document as the controller would. Pure. The grammar is that of `guestwire project set`. */

import { follow, forget, named } from "./references.js";

/**
 * `insert` is no edit of the controller's: see `concrete`.
 * @typedef {{op?: "set" | "append" | "take" | "default" | "add" | "remove" | "rename" | "insert", path: string, value?: any,
 *   index?: number}} Edit
 */

/** One of each, as people say it, and the key of all of them. @type {Record<string, string>} */
export const NOUNS = {
  guest: "guests", area: "areas", event: "events", queue: "queues", lock: "locks", network: "networks", image: "images",
  template: "templates",
};

/** By which field the entries of a list are known. @type {Record<string, string>} */
const NAMED_BY = {
  guests: "name", areas: "name", events: "name", queues: "name", locks: "name", networks: "name", images: "id", templates: "id",
};

/** What a host gives by itself. */
const GIVEN = new Set(["id", "uuid", "base_revision", "base_topology"]);

const SEGMENT = /\s*(?:"([^"]*)"|'([^']*)'|([^\s."'=]+))\s*(\.|$)/y;

/**
 * The keys of a path; the first is a plural.
 * @param {string} path
 * @returns {string[]}
 */
export function parts(path) {
  /** @type {string[]} */
  const found = [];
  SEGMENT.lastIndex = 0;
  while (SEGMENT.lastIndex < path.length) {
    const match = SEGMENT.exec(path);
    if (!match) throw new Error(`no path: ${path}`);
    found.push(match[1] ?? match[2] ?? match[3]);
  }
  if (found.length) found[0] = NOUNS[found[0]] ?? found[0];
  return found;
}

/**
 * A path of keys, quoted where it must be.
 * @param {readonly (string | number)[]} keys
 */
export function pathText(keys) {
  return keys.map((key) => quoted(String(key))).join(".");
}

/** @param {string} key */
function quoted(key) {
  if (/^[A-Za-z0-9_-]+$/.test(key)) return key;
  return key.includes('"') ? `'${key.replaceAll("'", "")}'` : `"${key}"`;
}

/**
 * What is at a path; undefined: nothing.
 * @param {any} document
 * @param {string} path
 */
export function at(document, path) {
  let node = document;
  for (const key of parts(path)) {
    if (node === null || node === undefined) return undefined;
    node = node[keyIn(node, key)];
  }
  return node;
}

/**
 * The document after edits; the one given stays as it is.
 * @param {any} document
 * @param {readonly Edit[]} edits
 * @param {any} [defaults] a document of nothing but defaults, for "default"
 */
export function edited(document, edits, defaults = {}) {
  const made = structuredClone(document);
  for (const edit of edits) DOING[edit.op ?? "set"](made, edit, defaults);
  return made;
}

/**
 * The edits that undo others, in the order to carry them out: for `concrete`, once they are to be done.
 * @param {any} document as it was before
 * @param {readonly Edit[]} edits
 * @returns {Edit[]}
 */
export function undoing(document, edits) {
  /** @type {Edit[]} */
  const found = [];
  let now = document;
  for (const edit of edits) {
    found.unshift(...inverse(now, edit));
    now = edited(now, [edit]);
  }
  return found;
}

/**
 * Edits as the controller takes them. What goes back into a list goes to where it was among what the list has by now: others may
 * have added to it since.
 * @param {any} document as it is now
 * @param {readonly Edit[]} edits
 * @returns {Edit[]}
 */
export function concrete(document, edits) {
  /** @type {Edit[]} */
  const found = [];
  let now = document;
  for (const edit of edits) {
    const next = edited(now, [edit]);
    found.push(edit.op === "insert" ? { op: "set", path: edit.path, value: at(next, edit.path) } : edit);
    now = next;
  }
  return found;
}

/**
 * @param {any} document
 * @param {Edit} edit
 * @returns {Edit[]}
 */
function inverse(document, edit) {
  const keys = parts(edit.path);
  if (edit.op === "add") return [{ op: "remove", path: edit.path }];
  const before = structuredClone(at(document, edit.path));
  if (edit.op === "append" && !has(before, edit.value)) return [{ op: "take", path: edit.path, value: edit.value }];
  if (edit.op === "take") {
    return (before ?? []).flatMap((/** @type {any} */ one, /** @type {number} */ index) =>
      same(one, edit.value) ? [{ op: "insert", path: edit.path, value: one, index }] : []);
  }
  if (edit.op === "remove" || (edit.op === "default" && keys.length === 2 && NAMED_BY[keys[0]])) {
    const { [NAMED_BY[keys[0]]]: _name, ...value } = before ?? {};
    const back = named(document, keys[0], keys[1]).map((one) => ({ op: /** @type {const} */ ("set"), path: one.path, value: structuredClone(one.value) }));
    return [{ op: "add", path: edit.path, value }, ...back];
  }
  if (edit.op === "rename") {
    return [{ op: "rename", path: pathText([...keys.slice(0, -1), edit.value]), value: keys[keys.length - 1] }];
  }
  if (edit.op === "default" && /^\d+$/.test(keys[keys.length - 1])) {
    const list = pathText(keys.slice(0, -1));
    return [{ op: "set", path: list, value: structuredClone(at(document, list)) }];
  }
  return [before === undefined ? { op: "default", path: edit.path } : { op: "set", path: edit.path, value: before }];
}

/** @type {Record<string, (document: any, edit: Edit, defaults: any) => void>} */
const DOING = {
  set: (document, { path, value }) => put(document, path, value),
  append: (document, { path, value }) => put(document, path, [...(at(document, path) ?? []), value]),
  take: (document, { path, value }) => {
    put(document, path, (at(document, path) ?? []).filter((/** @type {any} */ one) => !same(one, value)));
  },
  insert: (document, { path, value, index }) => {
    const list = [...(at(document, path) ?? [])];
    if (!has(list, value)) list.splice(index ?? list.length, 0, value);
    put(document, path, list);
  },
  default: (document, { path }, defaults) => toDefault(document, path, defaults),
  add: (document, { path, value }, defaults) => {
    const [list, name] = parts(path);
    const field = NAMED_BY[list];
    const like = defaults[list]?.[0] ?? {};
    document[list] = [...(document[list] ?? []), { ...structuredClone(like), ...value, [field]: name }];
  },
  remove: (document, { path }) => {
    const [list, name] = parts(path);
    takeOut(document, list, name);
    forget(document, list, name);
  },
  rename: (document, { path, value }) => {
    const entry = at(document, path);
    const [list, old] = parts(path);
    if (!entry) return;
    entry[NAMED_BY[list]] = value;
    follow(document, list, old, value);
  },
};

/**
 * @param {any} document @param {string} list @param {string} name
 */
function takeOut(document, list, name) {
  document[list] = (document[list] ?? []).filter((/** @type {any} */ one) => one[NAMED_BY[list]] !== name && one.id !== name);
}

/**
 * @param {any} document @param {string} path @param {any} value
 */
function put(document, path, value) {
  const keys = parts(path);
  const last = /** @type {string} */ (keys.pop());
  let node = document;
  for (const key of keys) {
    const real = keyIn(node, key);
    node = node[real] ??= {};
  }
  node[keyIn(node, last)] = value;
}

/**
 * @param {any} document @param {string} path @param {any} defaults
 */
function toDefault(document, path, defaults) {
  const keys = parts(path);
  if (keys.length === 2 && NAMED_BY[keys[0]]) return takeOut(document, keys[0], keys[1]);
  const last = keys[keys.length - 1];
  const holder = keys.length > 1 ? at(document, pathText(keys.slice(0, -1))) : document;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else if (holder && keys[0] === "areas" && keys[2] === "overrides") delete holder[last];
  else {
    const like = NAMED_BY[keys[0]] ? defaults[keys[0]]?.[0] : at(defaults, pathText(keys.slice(0, 1)));
    const rest = keys.slice(NAMED_BY[keys[0]] ? 2 : 1);
    put(document, path, structuredClone(rest.reduce((node, key) => node?.[key], like)) ?? null);
  }
}

/**
 * @param {any[] | undefined} list
 * @param {any} value
 */
function has(list, value) {
  return (list ?? []).some((one) => same(one, value));
}

/**
 * @param {any} node
 * @param {string} key
 * @returns {string | number}
 */
function keyIn(node, key) {
  if (!Array.isArray(node)) return key;
  const found = node.findIndex((one) => one && typeof one === "object" && (one.name === key || one.id === key));
  return found >= 0 ? found : /^\d+$/.test(key) ? Number(key) : node.length;
}

/**
 * Whether two values of documents are the same.
 * @param {any} one
 * @param {any} other
 * @returns {boolean}
 */
export function same(one, other) {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return (one ?? null) === (other ?? null);
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  for (const key of keys) if (!same(one[key], other[key])) return false;
  return true;
}

/**
 * A value without what only the host gives, which nobody edits.
 * @param {any} value
 * @returns {any}
 */
export function wanted(value) {
  if (Array.isArray(value)) return value.map(wanted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !GIVEN.has(key)));
}
