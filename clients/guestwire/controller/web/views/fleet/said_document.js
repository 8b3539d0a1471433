/** What a host replied, as people read it: lists as tables, single values as facts, and all of it as it was sent. */

import { html, nothing } from "lit";

/**
 * @param {string} label
 * @param {Record<string, unknown>} document
 */
export function saidDocument(label, document) {
  const entries = Object.entries(document);
  const lists = entries.filter(([, value]) => isTable(value));
  const facts = entries.filter(([, value]) => isPlain(value));
  const all = json(`${label}, as it was sent`, document);
  if (!lists.length && !facts.length) return all;
  const said = facts.map(([name, value]) => html`<dt>${words(name)}</dt><dd>${text(value)}</dd>`);
  return html`${facts.length ? html`<dl class="kv">${said}</dl>` : nothing}
    ${lists.map(([name, value]) => table(words(name), /** @type {Record<string, unknown>[]} */ (value)))}
    <details><summary>As it was sent</summary>${all}</details>`;
}

/**
 * @param {string} label
 * @param {unknown} value
 */
export function json(label, value) {
  return html`<pre class="mono fleet-json" tabindex="0" role="region" aria-label=${label}>${JSON.stringify(value, null, 2)}</pre>`;
}

/**
 * @param {string} caption
 * @param {Record<string, unknown>[]} rows
 */
function table(caption, rows) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return html`<table class="table"><caption>${caption}</caption>
    <thead><tr>${names.map((name) => html`<th scope="col">${words(name)}</th>`)}</tr></thead>
    <tbody>${rows.map((row) => html`<tr>${names.map((name) => html`<td>${text(row[name])}</td>`)}</tr>`)}</tbody></table>`;
}

/** @param {unknown} value */
function isPlain(value) {
  return value === null || typeof value !== "object";
}

/** @param {unknown} value */
function isTable(value) {
  return Array.isArray(value) && value.length > 0
    && value.every((row) => row !== null && typeof row === "object" && Object.values(row).every(isPlain));
}

/** @param {unknown} value */
function text(value) {
  return value === null || value === undefined || value === "" ? "none" : typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
}

/** @param {string} name */
function words(name) {
  return name.replaceAll("_", " ");
}
