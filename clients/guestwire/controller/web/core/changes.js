/** What differs between two configurations, field by field, and between two texts, line by line. Pure. */

import { pathText } from "./edit_paths.js";

/** @typedef {{path: string, before: unknown, after: unknown}} Changed */
/** @typedef {{kind: "same" | "added" | "removed", text: string}} TextLine */

/**
 * Sections of entries, and by what those are known; an entry that came or went is one change.
 * @type {Record<string, string>}
 */
const KEYED = {
  guests: "name", areas: "name", events: "name", queues: "name", locks: "name", networks: "name", images: "id",
    templates: "id",
};

/** Sections that are a table of fields. */
const TABLES = ["policy", "autostart", "settings"];

/** Said elsewhere, and no part of what somebody wanted. */
const LEFT_OUT = new Set(["base_revision"]);

const MOST_CELLS = 4_000_000;

/**
 * Everything that is otherwise in another document of a host (Desired).
 * @param {any} before
 * @param {any} after
 * @returns {Changed[]}
 */
export function differences(before, after) {
  /** @type {Changed[]} */
  const found = [];
  for (const section of names(before, after)) {
    if (LEFT_OUT.has(section)) continue;
    const [was, now] = [before?.[section], after?.[section]];
    if (section in KEYED) entries(section, was ?? [], now ?? [], found);
    else if (TABLES.includes(section)) fields([section], was ?? {}, now ?? {}, found);
    else compare([section], was, now, found);
  }
  return found;
}

/**
 * @param {any} one
 * @param {any} other
 * @returns {string[]}
 */
function names(one, other) {
  return [...new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})])];
}

/**
 * @param {string} section
 * @param {any[]} was
 * @param {any[]} now
 * @param {Changed[]} found
 */
function entries(section, was, now, found) {
  const known = KEYED[section];
  const [before, after] = [was, now].map((several) => new Map(several.map((one) => [String(one[known]), one])));
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const [old, young] = [before.get(name), after.get(name)];
    if (old === undefined || young === undefined) {
      found.push({ path: pathText([section, name]), before: old ?? null, after: young ?? null });
    } else fields([section, name], old, young, found);
  }
}

/**
 * @param {string[]} place
 * @param {any} was
 * @param {any} now
 * @param {Changed[]} found
 */
function fields(place, was, now, found) {
  for (const name of names(was, now)) compare([...place, name], was[name], now[name], found);
}

/**
 * @param {string[]} place
 * @param {unknown} was
 * @param {unknown} now
 * @param {Changed[]} found
 */
function compare(place, was, now, found) {
  if (!same(was, now)) found.push({ path: pathText(place), before: was ?? null, after: now ?? null });
}

/**
 * Whether two plain values say the same.
 * @param {unknown} one
 * @param {unknown} other
 * @returns {boolean}
 */
export function same(one, other) {
  if (one === other || (one ?? null) === (other ?? null)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (Array.isArray(one) || Array.isArray(other)) {
    if (!Array.isArray(one) || !Array.isArray(other) || one.length !== other.length) return false;
    return one.every((part, n) => same(part, other[n]));
  }
  const [a, b] = [/** @type {Record<string, unknown>} */ (one), /** @type {Record<string, unknown>} */ (other)];
  return names(a, b).every((name) => same(a[name], b[name]));
}

/**
 * The lines of two texts, put together: what only one has is added or removed.
 * @param {string} before
 * @param {string} after
 * @returns {TextLine[]}
 */
export function textDifference(before, after) {
  const [a, b] = [before.split("\n"), after.split("\n")];
  let [head, tail] = [0, 0];
  while (head < a.length && head < b.length && a[head] === b[head]) head += 1;
  while (tail < a.length - head && tail < b.length - head
    && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  const [mine, theirs] = [a.slice(head, a.length - tail), b.slice(head, b.length - tail)];
  const middle = mine.length * theirs.length > MOST_CELLS ? replaced(mine, theirs) : woven(mine, theirs);
  return [...kept(a.slice(0, head)), ...middle, ...kept(a.slice(a.length - tail))];
}

/**
 * @param {string[]} lines
 * @returns {TextLine[]}
 */
function kept(lines) {
  return lines.map((text) => ({ kind: "same", text }));
}

/**
 * @param {string[]} mine
 * @param {string[]} theirs
 * @returns {TextLine[]}
 */
function replaced(mine, theirs) {
  return [
    ...mine.map((text) => /** @type {TextLine} */ ({ kind: "removed", text })),
    ...theirs.map((text) => /** @type {TextLine} */ ({ kind: "added", text })),
  ];
}

/**
 * By the longest common subsequence.
 * @param {string[]} mine
 * @param {string[]} theirs
 * @returns {TextLine[]}
 */
function woven(mine, theirs) {
  const width = theirs.length + 1;
  const length = new Uint32Array((mine.length + 1) * width);
  for (let i = mine.length - 1; i >= 0; i -= 1) {
    for (let j = theirs.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = mine[i] === theirs[j]
        ? length[(i + 1) * width + j + 1] + 1
        : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  /** @type {TextLine[]} */
  const made = [];
  let [i, j] = [0, 0];
  while (i < mine.length || j < theirs.length) {
    if (i < mine.length && j < theirs.length && mine[i] === theirs[j]) {
      made.push({ kind: "same", text: mine[i] });
      i += 1;
      j += 1;
    } else if (i < mine.length && (j === theirs.length || length[(i + 1) * width + j] >= length[i * width + j + 1])) {
      made.push({ kind: "removed", text: mine[i] });
      i += 1;
    } else {
      made.push({ kind: "added", text: theirs[j] });
      j += 1;
    }
  }
  return made;
}

/**
 * A text's difference as it is read: what is the same far from any change is left out.
 * @param {readonly TextLine[]} lines
 * @param {number} around so many lines on each side stay
 * @returns {(TextLine | {kind: "left-out", count: number})[]}
 */
export function shortened(lines, around = 3) {
  const near = new Set();
  lines.forEach((one, n) => {
    if (one.kind !== "same") for (let at = n - around; at <= n + around; at += 1) near.add(at);
  });
  /** @type {(TextLine | {kind: "left-out", count: number})[]} */
  const made = [];
  let count = 0;
  lines.forEach((one, n) => {
    if (!near.has(n)) {
      count += 1;
      return;
    }
    if (count) made.push({ kind: "left-out", count });
    count = 0;
    made.push(one);
  });
  if (count && made.length) made.push({ kind: "left-out", count });
  return made;
}
