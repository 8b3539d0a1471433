/**
 * <gw-property-grid>: a form as a dense table of names and values, in groups. All that <gw-form> has, and
 *
 *   groups   [{title, fields: [names]}]; a field of no group is in none
 *
 * Hints are one keystroke away (the name's button), so that a row stays a row.
 */

import { html, nothing } from "lit";
import { isGroup } from "./form_fields.js";
import { Form } from "./form.js";

/** @typedef {import("../core/schema.js").Field} Field */
/** @typedef {{title: string, fields: readonly string[]}} Group */

export class PropertyGrid extends Form {
  static properties = { ...Form.properties, groups: { attribute: false }, _open: { state: true } };

  constructor() {
    super();
    /** @type {readonly Group[]} */
    this.groups = [];
    /** @type {ReadonlySet<string>} whose hints are shown */
    this._open = new Set();
  }

  render() {
    const fields = new Map(this.fields.map((one) => [one.name, one]));
    return html`<div class="grid-groups">${this.groups.map((group) => {
      const rows = group.fields.flatMap((name) => fields.get(name) ?? []);
      const wide = rows.some((field) => field.kind === "table");
      return rows.length ? html`<div class="grid-group ${wide ? "wide" : ""}"><table class="property-grid">
        <caption>${group.title}</caption>
        <tbody>${rows.map((field) => this.row(field))}</tbody>
      </table></div>` : nothing;
    })}</div>`;
  }

  /** @param {Field} field */
  row(field) {
    const name = html`${field.title}${field.unit && !this.read_only ? html` <span
      class="muted form-unit">${field.unit}</span>` : nothing}`;
    const open = this._open.has(field.name);
    const hint = `${this.idOf(field)}-hint`;
    return html`<tr class=${this.changed(field.name) ? "changed" : ""} data-field=${field.name}
      data-path=${this.placeOf(field)}>
      <th scope="row" id=${`${this.idOf(field)}-name`}>${this.read_only || isGroup(field) ? name : html`<label
        for=${this.idOf(field)}>${name}</label>`}
        ${field.hint ? html`<button type="button" class="grid-hint" aria-expanded=${open ? "true" : "false"}
          aria-label=${`What is ${field.title}?`} @click=${() => this._toggle(field.name)}>?</button>` : nothing}
        ${field.hint && open ? html`<p class="form-hint" id=${hint}>${field.hint}</p>` : nothing}</th>
      <td>${isGroup(field) ? html`<div role="group"
        aria-labelledby=${`${this.idOf(field)}-name`}>${this.control(field)}</div>` : this.control(field)}
        ${this.remarks({ ...field, hint: "" })}</td></tr>`;
  }

  /** @param {Field} field */
  control(field) {
    return super.control(this._open.has(field.name) ? field : { ...field, hint: "" });
  }

  /** @param {string} name */
  _toggle(name) {
    const open = new Set(this._open);
    if (!open.delete(name)) open.add(name);
    this._open = open;
  }
}

customElements.define("gw-property-grid", PropertyGrid);
