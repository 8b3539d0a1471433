/** Which labels series must have: a row for each, with the values that there are to choose from. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";

/** @typedef {import("../../core/selector_text.js").Matcher} Matcher */

/** @type {readonly [import("../../core/selector_text.js").Operator, string][]} */
const OPERATORS = [["=", "is"], ["!=", "is not"], ["=~", "matches"], ["!~", "does not match"]];

/**
 * @param {{labels: readonly string[], matchers: readonly Matcher[], series: readonly any[], onChange: (matchers: Matcher[]) => void}} given
 */
export function labelFilters({ labels, matchers, series, onChange }) {
  const free = labels.filter((label) => !matchers.some((one) => one.label === label));
  const change = (/** @type {number} */ place, /** @type {Partial<Matcher>} */ what) => onChange(
    matchers.map((one, n) => (n === place ? { ...one, ...what } : one)),
  );
  return html`<fieldset class="filters"><legend>Only series whose labels fit</legend>
    ${matchers.map((one, place) => html`<div class="row">
      <span class="filter-label mono">${one.label}</span>
      <select aria-label="How ${one.label} is compared" @change=${(/** @type {any} */ event) => change(place,
        { operator: event.target.value })}>
        ${OPERATORS.map(([sign, word]) => html`<option value=${sign}
          .selected=${live(sign === one.operator)}>${word}</option>`)}</select>
      <input aria-label="Value of ${one.label}" list="gw-filter-${one.label}" autocomplete="off" spellcheck="false"
        .value=${one.value}
        @change=${(/** @type {any} */ event) => change(place, { value: event.target.value })}>
      <datalist id="gw-filter-${one.label}">${values(series, one.label).map((value) => html`<option
        value=${value}></option>`)}</datalist>
      <button type="button" class="button quiet" aria-label="Remove the filter of ${one.label}"
        @click=${() => onChange(matchers.filter((_, n) => n !== place))}>Remove</button></div>`)}
    ${free.length ? html`<label class="row">Add a filter of
      <select .value=${""} @change=${(/** @type {any} */ event) => {
        const label = event.target.value;
        event.target.value = "";
        onChange([...matchers, { label, operator: "=", value: values(series, label)[0] ?? "" }]);
      }}><option value="">choose a label</option>${free.map((label) => html`<option
        value=${label}>${label}</option>`)}</select></label>` : nothing}
  </fieldset>`;
}

/**
 * The values that a label has.
 * @param {readonly any[]} series
 * @param {string} label
 */
function values(series, label) {
  const found = new Set(series.map((one) => (label === "site" || label === "host" ? one[label] : one.labels[label] ?? "")));
  return [...found].filter(Boolean).sort(new Intl.Collator("en", { numeric: true }).compare);
}
