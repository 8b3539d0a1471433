/**
 * The head of a small table: a word for each column, for those of numbers at the right, and one unseen for the actions. The
 * columns of values that come and change by themselves are as wide before as after (class "live", for their cells too): so
 * nothing that stands beside them moves while somebody clicks on it.
 */

import { html } from "lit";

/**
 * `numbers`: which columns have numbers; `live`: which have values that change by themselves
 * @typedef {{numbers?: readonly string[], live?: readonly string[], actions?: boolean}} Options
 */

/**
 * @param {readonly string[]} words
 * @param {Options} [options]
 */
export function tableHead(words, { numbers = [], live = [], actions = false } = {}) {
  const kind = (/** @type {string} */ word) => `${numbers.includes(word) ? "end" : ""} ${live.includes(word) ? "live" : ""}`;
  return html`<thead><tr>${words.map((word) => html`<th scope="col" class=${kind(word)}>${word}</th>`)}
    ${actions ? html`<th scope="col"><span class="sr">Actions</span></th>` : ""}</tr></thead>`;
}
