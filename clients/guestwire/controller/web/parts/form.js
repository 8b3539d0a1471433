/**
 * <gw-form>: the fields of a JSON Schema's object. What somebody changes is judged here first, by the schema; only
 * what can be is told,
 * as an "edit" event with {op: "set" | "default", path, value}, the path being the name of the field. A list of
 * records or a record
 * is told whole, once all of it can be. What the fields are to look like otherwise, `property_grid.js` says.
 *
 *   schema     of an object, with $defs where it names any (`definition` of core/schema.js makes one of Desired's)
 *   value      the object
 *   only       names of fields, in this order; none: all
 *   read_only  values instead of controls
 *   changed, before, issues   of a path: whether it is not what the host has, what that is, what the rules say
 *   beside     of a path: a text that stands next to the value ("runs with 256 MiB"); "" for none
 *   offers     suggestions by field name
 *   place      where issues say that the object is ("guests.rtlinux"): a field's wrapper has its own as data-path. With
 *              another place it shows another object: what was typed and not told is forgotten
 *   adjust     (path, value) => value, before it is judged: what belongs together
 */

import { html, LitElement, nothing } from "lit";
import { fieldsOf } from "../core/schema.js";
import { limitsOf, shown, wrongOf } from "../core/schema_values.js";
import { same } from "../core/edit_paths.js";
import { control, isGroup } from "./form_fields.js";
import { issueLines } from "./issue_lines.js";

/** @typedef {import("../core/schema.js").Field} Field */
/** @typedef {import("../core/draft.js").Issue} Issue */
/**
 * What was typed and cannot be told: it stays where it was typed. @typedef {{value: any, text: string | undefined,
 * wrong: string}} Held
 */
/** @typedef {{op: "set" | "default", path: string, value?: any}} FormEdit */

const SCALARS = new Set(["text", "long", "number", "numbers"]);

export class Form extends LitElement {
  static properties = {
    schema: { attribute: false }, value: { attribute: false }, only: { attribute: false },
    read_only: { type: Boolean }, changed: { attribute: false }, before: { attribute: false },
    issues: { attribute: false }, beside: { attribute: false }, offers: { attribute: false },
    adjust: { attribute: false }, place: {}, _held: { state: true },
  };

  static _count = 0;

  constructor() {
    super();
    /** @type {Record<string, any> | null} */
    this.schema = null;
    /** @type {Record<string, any>} */
    this.value = {};
    /** @type {readonly string[] | null} */
    this.only = null;
    this.read_only = false;
    /** @type {(path: string) => boolean} */
    this.changed = () => false;
    /** @type {(path: string) => any} */
    this.before = () => undefined;
    /** @type {(path: string) => readonly Issue[]} */
    this.issues = () => [];
    /** @type {(path: string) => string} */
    this.beside = () => "";
    /** @type {Record<string, readonly string[]>} */
    this.offers = {};
    /** @type {(path: string, value: any) => any} */
    this.adjust = (_path, value) => value;
    this.place = "";
    /** @type {Map<string, Held>} */
    this._held = new Map();
    Form._count += 1;
    this._prefix = `${this.localName}-${Form._count}`;
    /** @type {{schema: unknown, fields: Field[]}} */
    this._made = { schema: null, fields: [] };
  }

  createRenderRoot() {
    return this;
  }

  /** @returns {Field[]} */
  get fields() {
    if (!this.schema) return [];
    if (this._made.schema !== this.schema) this._made = { schema: this.schema, fields: fieldsOf(this.schema) };
    const { fields } = this._made;
    if (!this.only) return fields;
    return this.only.flatMap((name) => fields.filter((one) => one.name === name));
  }

  /** Whether all that was typed is told. */
  get valid() {
    return this._held.size === 0 && this.fields.every((field) => wrongOf(field, this.value?.[field.name]) === "");
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    // it shows another object now: what was typed for the one before is not for this one
    if (changed.has("place") && this._held.size) this._held = new Map();
  }

  render() {
    return html`<div class="form">${this.fields.map((field) => this.row(field))}</div>`;
  }

  /**
   * A field with all that belongs to it.
   * @param {Field} field
   */
  row(field) {
    const group = isGroup(field);
    const head = html`${field.title}${field.unit && !this.read_only ? html` <span
      class="muted form-unit">${field.unit}</span>` : nothing}`;
    const tint = this.changed(field.name) ? "changed" : "";
    return group
      ? html`<fieldset class="form-field form-group ${tint}" data-field=${field.name}
        data-path=${this.placeOf(field)}><legend>${head}</legend>
          ${this.control(field)}${this.remarks(field)}</fieldset>`
      : html`<div class="form-field ${tint}" data-field=${field.name} data-path=${this.placeOf(field)}>
          ${this.read_only ? html`<span class="form-name">${head}</span>` : html`<label
            for=${this.idOf(field)}>${head}</label>`}
          ${this.control(field)}${this.remarks(field)}</div>`;
  }

  /** @param {Field} field */
  placeOf(field) {
    return this.place ? `${this.place}.${field.name}` : nothing;
  }

  /** @param {Field} field */
  idOf(field) {
    return `${this._prefix}-${field.name}`;
  }

  /** @param {Field} field */
  control(field) {
    const held = this._held.get(field.name);
    const id = this.idOf(field);
    const issues = this.issues(field.name);
    const described = [
      held?.wrong || issues.length ? `${id}-wrong` : "", this.changed(field.name) ? `${id}-was` : "", field.hint ?
        `${id}-hint` : "",
    ].filter(Boolean).join(" ");
    return control(field, {
      id, value: held ? held.value : this.value?.[field.name], text: held?.text, read_only: this.read_only,
      wrong: Boolean(held?.wrong) || issues.some((one) => one.severity === "E"), described: this.read_only ? "" :
        described, label: null,
      offers: this.offers, draw: control, take: (value) => this.take(field, value),
    });
  }

  /**
   * What is said below a control: why it cannot be, what the rules say, what it was, its default, its hint.
   * @param {Field} field
   */
  remarks(field) {
    const id = this.idOf(field);
    const held = this._held.get(field.name);
    const issues = this.issues(field.name);
    const beside = this.beside(field.name);
    return html`
      ${held?.wrong || issues.length ? html`<div id=${`${id}-wrong`} role=${held?.wrong ? "alert" : nothing}>
        ${held?.wrong ? html`<p
          class="issue e">${held.wrong}${held.text === undefined ? " Not sent yet." : ""}</p>` : nothing}
        ${issueLines(issues)}
      </div>` : nothing}
      ${beside ? html`<p class="form-beside">${beside}</p>` : nothing}
      ${this._foot(field)}
      ${field.hint && !this.read_only ? html`<p class="form-hint"
        id=${`${id}-hint`}>${field.hint}${limits(field)}</p>` : nothing}`;
  }

  /** What it was, and the way back. @param {Field} field */
  _foot(field) {
    const was = this.changed(field.name)
      ? html`<span class="form-was"
        id=${`${this.idOf(field)}-was`}>was ${shown(field, this.before(field.name))}</span>` : nothing;
    const back = this.read_only ? nothing : this._default(field);
    return was === nothing && back === nothing ? nothing : html`<div class="form-foot">${was}${back}</div>`;
  }

  /** @param {Field} field */
  _default(field) {
    const held = this._held.get(field.name);
    if (held) {
      return html`<button type="button" class="button quiet form-back"
        @click=${() => this.drop(field)}>Undo what was typed</button>`;
    }
    const value = this.value?.[field.name];
    if (field.required || field.fallback === undefined || same(value ?? null, field.fallback)) return nothing;
    const text = shown(field, field.fallback);
    return html`<button type="button" class="button quiet form-back"
      aria-label=${`Default: ${text === "-" ? "none" : text}, ${field.title}`}
      @click=${() => this.tell({ op: "default", path: field.name })}>Default: ${text === "-" ? "none" : text}</button>`;
  }

  /**
   * What somebody made of a field.
   * @param {Field} field
   * @param {any} given
   */
  take(field, given) {
    const value = this.adjust(field.name, given);
    const wrong = value === null && !field.nullable && (field.required || field.fallback === undefined)
      ? "This is needed." : wrongOf(field, value);
    const held = new Map(this._held);
    if (wrong) held.set(field.name, { value, wrong, text: SCALARS.has(field.kind) ? String(given ?? "") : undefined });
    else held.delete(field.name);
    this._held = held;
    if (wrong) return;
    if (value === null && !field.nullable) this.tell({ op: "default", path: field.name });
    else if (!same(value, this.value?.[field.name])) this.tell({ op: "set", path: field.name, value });
  }

  /** Forget what was typed and not told. @param {Field} field */
  drop(field) {
    const held = new Map(this._held);
    held.delete(field.name);
    this._held = held;
  }

  /** @param {FormEdit} detail */
  tell(detail) {
    this.dispatchEvent(new CustomEvent("edit", { detail, bubbles: true }));
  }
}

/** @param {Field} field */
function limits(field) {
  const limited = field.kind === "number" && (field.minimum !== undefined || field.maximum !== undefined);
  return limited ? html`. ${limitsOf(field).replace(/^a/, "A")}.` : nothing;
}

customElements.define("gw-form", Form);
