/** Small fields of forms, with a label, a hint and what is wrong with them. Forms from a schema are form.js. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";

/** @typedef {{id: string, label: unknown, hint?: unknown, error?: string, disabled?: boolean}} Common */

/** @param {Common} field @param {unknown} input */
function around({ id, label, hint, error }, input) {
  return html`<div class="field">
    <label for=${id}>${label}</label>${input}
    ${hint ? html`<div class="hint" id="${id}-hint">${hint}</div>` : nothing}
    ${error ? html`<div class="error" id="${id}-error" role="alert">${error}</div>` : nothing}</div>`;
}

/** @param {Common} field */
const described = ({ id, hint, error }) => [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || nothing;

/**
 * @param {Common & {value: unknown, onInput: (value: string) => void, type?: string, placeholder?: string, required?: boolean,
 *   autocomplete?: string, pattern?: string, list?: string}} field
 */
export function textField(field) {
  return around(field, html`<input id=${field.id} type=${field.type ?? "text"} .value=${String(field.value ?? "")}
    placeholder=${field.placeholder ?? nothing} ?required=${field.required} ?disabled=${field.disabled}
    autocomplete=${/** @type {any} */ (field.autocomplete ?? "off")} spellcheck="false" list=${field.list ?? nothing}
    aria-describedby=${described(field)} aria-invalid=${field.error ? "true" : nothing}
    @input=${(/** @type {any} */ event) => field.onInput(event.target.value)}>`);
}

/**
 * @param {Common & {value: unknown, onInput: (value: string) => void, rows?: number}} field
 */
export function areaField(field) {
  return around(field, html`<textarea id=${field.id} rows=${field.rows ?? 4} .value=${String(field.value ?? "")} ?disabled=${field.disabled}
    aria-describedby=${described(field)} aria-invalid=${field.error ? "true" : nothing}
    @input=${(/** @type {any} */ event) => field.onInput(event.target.value)}></textarea>`);
}

/**
 * @param {Common & {value: unknown, options: readonly (string | [value: string, label: string])[], onChange: (value: string) => void}} field
 */
export function selectField(field) {
  return around(field, html`<select id=${field.id} ?disabled=${field.disabled} aria-describedby=${described(field)}
    @change=${(/** @type {any} */ event) => field.onChange(event.target.value)}>${field.options.map((option) => {
      const [value, label] = typeof option === "string" ? [option, option] : option;
      return html`<option value=${value} .selected=${live(value === String(field.value ?? ""))}>${label}</option>`;
    })}</select>`);
}

/**
 * @param {Common & {value: boolean, onChange: (value: boolean) => void}} field
 */
export function checkField(field) {
  return html`<div class="field check"><input id=${field.id} type="checkbox" .checked=${field.value} ?disabled=${field.disabled}
      aria-describedby=${described(field)} @change=${(/** @type {any} */ event) => field.onChange(event.target.checked)}>
    <label for=${field.id}>${field.label}</label>
    ${field.hint ? html`<div class="hint" id="${field.id}-hint">${field.hint}</div>` : nothing}
    ${field.error ? html`<div class="error" id="${field.id}-error" role="alert">${field.error}</div>` : nothing}</div>`;
}
