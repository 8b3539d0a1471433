/** Changes of a configuration as a list: what is there now and what was. Values come from outside and stay text. */

import { html, nothing } from "lit";
import { valueWords } from "../../parts/plain_words.js";

/** @typedef {{path: string, before?: unknown, after?: unknown}} Changed */

/**
 * @param {readonly Changed[]} changes
 * @param {number} [more] how many were left out
 * @param {number} [most] how many are shown at most
 */
export function changeList(changes, more = 0, most = 200) {
  if (!changes.length && !more) return html`<p class="muted">Nothing changes.</p>`;
  const left = more + Math.max(0, changes.length - most);
  return html`<ul class="gw-changes">
      ${changes.slice(0, most).map((one) => line(one))}
    </ul>
    ${left ? html`<p class="muted">and ${left} more</p>` : nothing}`;
}

/** @param {Changed} one */
function line(one) {
  const [kind, glyph, word] = one.before === null || one.before === undefined ? ["added", "+", "set"]
    : one.after === null || one.after === undefined ? ["removed", "−", "taken away"] : ["changed", "~", "changed"];
  return html`<li class="${kind} mono">
    <span aria-hidden="true">${glyph}</span><span class="sr">${word}</span>
    <span class="gw-change-path">${one.path}</span>${kind === "changed"
      ? html`<span>: ${brief(one.before)} → ${brief(one.after)}</span>`
      : html`<span class="muted"> ${brief(kind === "added" ? one.after : one.before)}</span>`}
  </li>`;
}

const LONGEST = 160;

/** @param {unknown} value */
function brief(value) {
  if (value === null || value === undefined) return "nothing";
  const text = valueWords(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} …` : text;
}
