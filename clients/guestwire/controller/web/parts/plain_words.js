/** What a document has, as words in a line: what is not there is left out. */

/**
 * @param {Readonly<Record<string, unknown>>} document
 * @param {ReadonlySet<string>} [told] names that are shown elsewhere
 */
export function plainWords(document, told = new Set()) {
  return Object.entries(document)
    .filter(([name, value]) => !told.has(name) && value !== null && value !== undefined && value !== "")
    .map(([name, value]) => `${name}=${valueWords(value)}`).join(" ");
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function valueWords(value) {
  if (Array.isArray(value)) return `[${value.map(valueWords).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${plainWords(/** @type {Record<string, unknown>} */ (value))}}`;
  }
  return value === null || value === undefined ? "–" : String(value);
}
