/**
 * What differs between two configurations, for people: field by field, tinted, and the texts line by line. Templates
 * only.
 */

import { html, nothing } from "lit";
import { shortened, textDifference } from "../../core/changes.js";
import { grouped, line } from "../../core/plan.js";
import { changeLine } from "./lines.js";

/** @type {Record<string, [sign: string, word: string]>} */
const SIGNS = { added: ["+", "added"], removed: ["−", "removed"], same: [" ", ""] };

/**
 * @param {readonly {path: string, before?: unknown, after?: unknown}[]} changes
 * @param {number} [more] so many were left out
 */
export function fieldDifference(changes, more = 0) {
  if (!changes.length) return html`<p>Nothing differs.</p>`;
  return html`${grouped(changes.map((change) => line(change))).map(({ group, lines }) => html`<h3
    class="sync-group">${group}</h3>
      <ul class="sync-lines">${lines.map((one) => changeLine(one))}</ul>`)}
    ${more ? html`<p class="muted">${more} more changes are not shown.</p>` : nothing}`;
}

/**
 * @param {string} before
 * @param {string} after
 * @param {string} label
 */
export function textLines(before, after, label) {
  const lines = shortened(textDifference(before, after));
  if (!lines.length) return html`<p>The texts are the same.</p>`;
  return html`<div class="sync-scroll" tabindex="0" role="region" aria-label=${label}><pre
    class="sync-diff">${lines.map((one) => one.kind === "left-out"
    ? html`<span class="muted">… ${one.count} lines are the same
</span>` : html`<span class=${one.kind}><span aria-hidden="true">${SIGNS[one.kind][0]} </span><span
  class="sr">${SIGNS[one.kind][1]} </span>${one.text}
</span>`)}</pre></div>`;
}
