/** The head of a small table: a word for each column, for those of numbers at the right, and one unseen for the actions. */

import { html } from "lit";

/** @typedef {{numbers?: readonly string[], actions?: boolean}} Options `numbers`: which columns have numbers */

/**
 * @param {readonly string[]} words
 * @param {Options} [options]
 */
export function tableHead(words, { numbers = [], actions = false } = {}) {
  return html`<thead><tr>${words.map((word) => html`<th scope="col" class=${numbers.includes(word) ? "end" : ""}>${word}</th>`)}
    ${actions ? html`<th scope="col"><span class="sr">Actions</span></th>` : ""}</tr></thead>`;
}
