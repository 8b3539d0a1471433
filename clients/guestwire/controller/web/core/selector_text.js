/** Selectors of series as people write them, in parts and back: `name{label="value",other=~"pattern"}`. Pure. */

/** @typedef {"=" | "!=" | "=~" | "!~"} Operator */
/** @typedef {{label: string, operator: Operator, value: string}} Matcher */
/** @typedef {{name: string, matchers: Matcher[]}} Selector */

const NAME = /^\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:\{(.*)\}\s*)?$/s;
const MATCHER = /\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/ys;

/**
 * The parts of a selector; null where the text is none.
 * @param {string} text
 * @returns {Selector | null}
 */
export function parsed(text) {
  const found = NAME.exec(text);
  if (!found) return null;
  /** @type {Matcher[]} */
  const matchers = [];
  const inner = found[2] ?? "";
  MATCHER.lastIndex = 0;
  while (inner.trim() && MATCHER.lastIndex < inner.length) {
    const one = MATCHER.exec(inner);
    if (!one) return null;
    matchers.push({ label: one[1], operator: /** @type {Operator} */ (one[2]),
      value: one[3].replace(/\\(.)/gs, "$1") });
  }
  return { name: found[1], matchers };
}

/**
 * @param {Selector} selector
 */
export function composed({ name, matchers }) {
  if (!matchers.length) return name;
  return `${name}{${matchers.map(({ label, operator, value }) => `${label}${operator}"${escaped(value)}"`).join(",")}}`;
}

/**
 * A selector of the series of a metric with these labels; an array is one of several values.
 * @param {string} name
 * @param {Record<string, string | readonly string[]>} [labels]
 */
export function selector(name, labels = {}) {
  return composed({ name, matchers: Object.entries(labels).map(([label, value]) => (typeof value === "string"
    ? { label, operator: "=", value }
    : { label, operator: "=~", value: value.map(literal).join("|") })) });
}

/** @param {string} value */
function escaped(value) {
  return value.replace(/[\\"]/g, "\\$&");
}

/** @param {string} value */
function literal(value) {
  return value.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
