/**
 * The controls of fields that hold several values: lists of texts as chips, lists of records as tables, records as
 * groups.
 */

import { html, nothing } from "lit";
import { blank, shown, wrongOf } from "../core/schema_values.js";

/** @typedef {import("../core/schema.js").Field} Field */
/** @typedef {import("./form_fields.js").Shown} Shown */

/**
 * A list of texts: each can be taken away, and one field adds another.
 * @param {Field} field
 * @param {Shown} its
 */
export function chips(field, its) {
  /** @type {string[]} */
  const all = Array.isArray(its.value) ? its.value : [];
  const offered = (its.offers[field.name] ?? []).filter((one) => !all.includes(one));
  const add = (/** @type {HTMLInputElement} */ input) => {
    const text = input.value.trim();
    if (!text || all.includes(text)) return;
    its.take([...all, text]);
    input.value = "";
  };
  return html`<span class="form-chips">
    ${all.map((one, at) => html`<span class="chip">${one}<button type="button" class="form-chip-off"
      aria-label=${`Remove ${one}`}
      @click=${() => its.take(all.filter((_, place) => place !== at))}>✕</button></span>`)}
    <input id=${its.id} type="text" class="form-chip-new" placeholder="add" autocomplete="off" spellcheck="false"
      list=${offered.length ? `${its.id}-offers` : nothing}
        aria-label=${its.label ?? `Add to ${field.title.toLowerCase()}`}
      aria-invalid=${its.wrong ? "true" : nothing} aria-describedby=${its.described || nothing}
      @keydown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        add(/** @type {HTMLInputElement} */ (event.currentTarget));
      }}
      @change=${(/** @type {Event} */ event) => add(/** @type {HTMLInputElement} */ (event.currentTarget))}>
    ${offered.length ? html`<datalist id=${`${its.id}-offers`}>${offered.map((one) => html`<option
      value=${one}></option>`)}</datalist>` : nothing}
  </span>`;
}

/**
 * A list of records: a row for each. A row that is not complete stays in the form until it is.
 * @param {Field} field
 * @param {Shown} its
 */
export function table(field, its) {
  /** @type {Record<string, any>[]} */
  const rows = Array.isArray(its.value) ? its.value : [];
  if (its.read_only && !rows.length) return html`<span class="form-value">-</span>`;
  const set = (/** @type {number} */ at, /** @type {string} */ name, /** @type {any} */ value) => its.take(
    rows.map((row, place) => (place === at ? { ...row, [name]: value } : row)));
  const one = singular(field.title);
  return html`<div class="form-table-box" id=${its.id} tabindex=${its.read_only ? "0" : nothing}
    role=${its.read_only ? "region" : nothing}
    aria-label=${its.read_only ? field.title : nothing}>
    ${rows.length ? html`<table class="form-table">
      <thead><tr><th scope="col">#</th>${field.fields.map((each) => html`<th scope="col"
        title=${each.hint || nothing}>${each.title}${
        each.unit ? html` <span class="muted">${each.unit}</span>` : nothing}</th>`)}${
        its.read_only ? nothing : html`<th scope="col"><span class="sr">Remove</span></th>`}</tr></thead>
      <tbody>${rows.map((row, at) => html`<tr><th scope="row">${at + 1}</th>${field.fields.map((each) => html`<td>${
        cell(each, row, `${its.id}-${at}-${each.name}`, `${one} ${at + 1}, ${each.title}`, its, (value) =>
          set(at, each.name, value))}</td>`)}${
        its.read_only ? nothing : html`<td><button type="button" class="button quiet"
          aria-label=${`Remove ${one.toLowerCase()} ${at + 1}`}
          @click=${() => its.take(rows.filter((_, place) => place !== at))}>Remove</button></td>`}</tr>`)}</tbody>
    </table>` : nothing}
    ${its.read_only ? nothing : html`<button type="button" class="button" ?disabled=${rows.length >= field.most}
      aria-describedby=${its.described || nothing}
      @click=${() => its.take([...rows, blank(field.fields)])}>Add ${one.toLowerCase()}</button>`}
  </div>`;
}

/**
 * A record: its fields below each other. One that may be nothing can be begun and taken away.
 * @param {Field} field
 * @param {Shown} its
 */
export function record(field, its) {
  if (its.value === null || its.value === undefined) {
    if (its.read_only) return html`<span class="form-value">-</span>`;
    return html`<button type="button" class="button" id=${its.id} aria-describedby=${its.described || nothing}
      @click=${() => its.take(blank(field.fields))}>Set ${field.title.toLowerCase()}</button>`;
  }
  return html`<div class="form-record" id=${its.id}>
    ${field.fields.map((each) => {
      const id = `${its.id}-${each.name}`;
      return html`<div class="form-record-row"><label for=${id} title=${each.hint || nothing}>${each.title}${
        each.unit ? html` <span class="muted">${each.unit}</span>` : nothing}</label>
        ${cell(each, its.value, id, null, its, (value) => its.take({ ...its.value, [each.name]: value }))}</div>`;
    })}
    ${field.nullable && !its.read_only ? html`<button type="button" class="button quiet"
      @click=${() => its.take(null)}>Remove ${field.title.toLowerCase()}</button>` : nothing}
  </div>`;
}

/**
 * @param {Field} field
 * @param {Record<string, any>} row
 * @param {string} id
 * @param {string | null} label
 * @param {Shown} its of what it is part of
 * @param {(value: any) => void} take
 */
function cell(field, row, id, label, its, take) {
  const value = row[field.name];
  if (its.read_only) return html`<span class="form-value">${shown(field, value)}</span>`;
  const wrong = wrongOf(field, value);
  return html`${its.draw(field, {
    id, value, text: undefined, wrong: wrong !== "", described: wrong ? `${id}-wrong` : "", label, read_only: false,
      offers: its.offers, draw: its.draw, take,
  })}${wrong ? html`<span class="issue e" id=${`${id}-wrong`}>${wrong}</span>` : nothing}`;
}

/** @param {string} title "Disks" */
function singular(title) {
  return title.replace(/ies$/, "y").replace(/(?<!s)s$/, "");
}
