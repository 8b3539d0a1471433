/**
 * The controls of a form, one for each kind of field (`core/schema.js`). Each shows a value and says what somebody
 * made of it; what
 * becomes of that is the form's matter. Controls know no paths.
 */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { same } from "../core/edit_paths.js";
import { shown, typed, valueOf } from "../core/schema_values.js";
import { chips, record, table } from "./form_lists.js";

/** @typedef {import("../core/schema.js").Field} Field */
/**
 * What a control shows. `text`: what was typed and could not be taken; `described`: ids of what describes it; `take`
 * is given the new
 * value, `fail` a text that is none; `offers`: suggestions by field name; `draw`: draws
 * the control of a part.
 * @typedef {{
 *   id: string, value: any, text: string | undefined, wrong: boolean, described: string, label: string | null,
 * read_only: boolean,
 *   offers: Record<string, readonly string[]>, take: (value: any) => void,
 *   draw: (field: Field, its: Shown) => unknown,
 * }} Shown
 */
/** @typedef {import("lit").TemplateResult | typeof nothing | string} Drawn */

/** @type {Record<Field["kind"], (field: Field, its: Shown) => Drawn>} */
const CONTROLS = {
  text: line, number: line, numbers: line, long: lines, switch: onOff, choice: select, checks, chips, table, record,
    map: plain,
};

/**
 * The control of a field.
 * @param {Field} field
 * @param {Shown} its
 * @returns {Drawn}
 */
export function control(field, its) {
  if (its.read_only && field.kind !== "table" && field.kind !== "record") return plain(field, its);
  return CONTROLS[field.kind](field, its);
}

/** Whether a control is several, so that its label is a legend. @param {Field} field */
export function isGroup(field) {
  return ["checks", "chips", "table", "record"].includes(field.kind);
}

/**
 * @param {Field} field
 * @param {Shown} its
 */
function plain(field, its) {
  return html`<span class="form-value ${field.kind === "long" ? "form-long" : ""}"
    id=${its.id}>${shown(field, its.value)}</span>`;
}

/**
 * @param {Field} field
 * @param {Shown} its
 */
function line(field, its) {
  const offered = [...field.words.map(String), ...(its.offers[field.name] ?? [])];
  const list = offered.length ? `${its.id}-offers` : "";
  const number = field.kind === "number";
  return html`<input id=${its.id} type="text" inputmode=${number ? "numeric" : "text"}
    class=${number ? "form-number" : "form-text"}
      spellcheck="false" autocomplete="off" list=${list || nothing} aria-label=${its.label ?? nothing}
      aria-invalid=${its.wrong ? "true" : nothing} aria-describedby=${its.described || nothing}
        ?required=${field.required}
      .value=${its.text ?? typed(field, its.value)} @change=${(/** @type {Event} */ event) =>
        taken(field, its, inputOf(event))}>
    ${list ? html`<datalist id=${list}>${offered.map((one) => html`<option
      value=${one}></option>`)}</datalist>` : nothing}`;
}

/**
 * @param {Field} field
 * @param {Shown} its
 */
function lines(field, its) {
  return html`<textarea id=${its.id} rows="2" aria-label=${its.label ?? nothing}
    aria-invalid=${its.wrong ? "true" : nothing}
    aria-describedby=${its.described || nothing} .value=${its.text ?? typed(field, its.value)}
    @change=${(/** @type {Event} */ event) => taken(field, its, inputOf(event))}></textarea>`;
}

/**
 * What was typed. The text is not bound live: what somebody is typing stays while the page shows itself anew. So a
 * text that says what
 * was there already is put in order here.
 * @param {Field} field
 * @param {Shown} its
 * @param {HTMLInputElement} input
 */
function taken(field, its, input) {
  const value = valueOf(field, input.value);
  if (same(value, its.value)) input.value = typed(field, value);
  its.take(value);
}

/**
 * @param {Field} _field
 * @param {Shown} its
 */
function onOff(_field, its) {
  return html`<input id=${its.id} type="checkbox" class="form-switch" aria-label=${its.label ?? nothing}
    aria-invalid=${its.wrong ? "true" : nothing} aria-describedby=${its.described || nothing}
      .checked=${live(Boolean(its.value))}
    @change=${(/** @type {Event} */ event) => its.take(inputOf(event).checked)}>`;
}

/**
 * @param {Field} field
 * @param {Shown} its
 */
function select(field, its) {
  const chosen = field.choices.findIndex((one) => one.value === (its.value ?? (field.nullable ? null : undefined)));
  return html`<select id=${its.id} aria-label=${its.label ?? nothing} aria-invalid=${its.wrong ? "true" : nothing}
      aria-describedby=${its.described || nothing} .value=${live(String(chosen))}
      @change=${(/** @type {Event} */ event) => its.take(field.choices[Number(inputOf(event).value)]?.value)}>
    ${chosen < 0 ? html`<option value="-1" selected>choose</option>` : nothing}
    ${field.choices.map((one, at) => html`<option value=${at} .selected=${live(at === chosen)}>${
      typeof one.value === "number" && field.unit ? `${one.label} ${field.unit}` : one.label}</option>`)}
  </select>`;
}

/**
 * @param {Field} field
 * @param {Shown} its
 */
function checks(field, its) {
  const chosen = Array.isArray(its.value) ? its.value : [];
  return html`<span class="form-checks" id=${its.id}>${field.choices.map((one) => html`<label class="form-check">
    <input type="checkbox" .checked=${live(chosen.includes(one.value))}
      @change=${(/** @type {Event} */ event) => its.take(
        field.choices.map((each) => each.value).filter((each) =>
          (each === one.value ? inputOf(event).checked : chosen.includes(each))))}>
    ${one.label}</label>`)}</span>`;
}

/**
 * @param {Event} event
 * @returns {HTMLInputElement}
 */
function inputOf(event) {
  return /** @type {HTMLInputElement} */ (event.currentTarget);
}
