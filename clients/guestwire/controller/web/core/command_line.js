/** Lines for a shell, to be copied: a name that others chose is one word in them, whatever it has. */

/**
 * A word of a line.
 * @param {string} text
 */
export function word(text) {
  return /^[A-Za-z0-9_./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * A line with such words: line`guestwire guest start ${host}/${guest}`.
 * @param {TemplateStringsArray} said
 * @param {...unknown} words
 */
export function line(said, ...words) {
  return said.map((text, at) => text + (at < words.length ? word(String(words[at])) : "")).join("");
}
