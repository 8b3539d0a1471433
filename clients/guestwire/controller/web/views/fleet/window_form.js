/** A maintenance window made or edited: its times in the week, special days, its time zone. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import { Problem } from "../../core/problem.js";
import { DAYS, DAY_NAMES, formOfWindow, windowCli, windowSpec, windowWrong } from "./window_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["WindowView"]} WindowView */
/** @typedef {import("./window_words.js").WindowForm} Form */

const WEEKEND = { days: ["sat", "sun"], start: "00:00", end: "24:00" };
const SPECIAL = { date: "", start: "", end: "" };

/**
 * @param {import("../../core/services.js").Services} services
 * @param {WindowView | null} window null: a new one
 */
export function editWindow(services, window) {
  void services.dialogs.open((/** @type {any} */ close) => html`<gw-window-form .services=${services} .window=${window}
    .close=${close}></gw-window-form>`, { title: window ? `Maintenance window ${window.name}` : "New maintenance window", wide: true });
}

export class WindowForm extends Part {
  static properties = {
    ...Part.properties, window: { attribute: false }, close: { attribute: false }, _form: { state: true }, _problem: { state: true },
    _busy: { state: true }, _tried: { state: true },
  };

  constructor() {
    super();
    /** @type {WindowView | null} */
    this.window = null;
    /** @type {(done?: boolean) => void} */
    this.close = () => {};
    /** @type {Form} */
    this._form = formOfWindow(null, "UTC");
    /** @type {Problem | null} */
    this._problem = null;
    this._busy = false;
    this._tried = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this._form = formOfWindow(this.window, Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC");
  }

  render() {
    const form = this._form;
    const wrong = windowWrong(form);
    return html`<form novalidate @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._save(); }}>
      <div class="dialog-body stack">
        <div class="fleet-fields">
          ${textField({
            id: "gw-window-name", label: "Name", value: form.name, disabled: this.window !== null, onInput: (name) => this._set({ name }),
          })}
          ${textField({
            id: "gw-window-zone", label: "Time zone", value: form.zone, hint: "As Europe/Berlin or UTC.",
            onInput: (zone) => this._set({ zone }),
          })}
        </div>
        ${form.spans.map((span, at) => this._span(span, at))}
        <div class="row">
          <button type="button" class="button" @click=${() => this._set({ spans: [...form.spans, WEEKEND] })}>Add a time in the week</button>
          <button type="button" class="button" @click=${() => this._set({ exceptions: [...form.exceptions, SPECIAL] })}>Add a special day</button>
        </div>
        ${form.exceptions.map((one, at) => this._exception(one, at))}
        <div class="fleet-fields">
          ${textField({
            id: "gw-window-last", label: "Nothing begins so many seconds before it shuts", value: form.last,
            onInput: (last) => this._set({ last }),
          })}
          ${textField({ id: "gw-window-note", label: "What it is for", value: form.note, onInput: (note) => this._set({ note }) })}
        </div>
        <div aria-live="polite">${this._tried && wrong ? html`<p class="issue e">✕ ${wrong}</p>` : nothing}
          ${this._problem ? html`<p class="issue e">✕ ${problemText(this._problem)}</p>` : nothing}</div>
        ${cli(this.services, windowCli(form))}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this._busy}>Save the window</button></footer>
    </form>`;
  }

  /**
   * @param {import("./window_words.js").SpanRow} span
   * @param {number} at
   */
  _span(span, at) {
    const set = (/** @type {Partial<typeof span>} */ change) =>
      this._set({ spans: this._form.spans.map((one, index) => (index === at ? { ...one, ...change } : one)) });
    return html`<fieldset><legend>Open in the week, ${at + 1}</legend>
      <div class="row">${DAYS.map((day) => html`<label class="fleet-radio"><input type="checkbox" aria-label=${DAY_NAMES[day]}
        .checked=${span.days.includes(day)}
        @change=${(/** @type {any} */ event) => set({ days: others(span.days, day, event.target.checked) })}> ${day}</label>`)}</div>
      <div class="row">
        ${textField({ id: `gw-window-start-${at}`, label: "From", value: span.start, hint: "As 22:00", onInput: (start) => set({ start }) })}
        ${textField({ id: `gw-window-end-${at}`, label: "To", value: span.end, hint: "Earlier than from: on the next day", onInput: (end) => set({ end }) })}
        <button type="button" class="button quiet" aria-label="Take away the time ${at + 1}"
          @click=${() => this._set({ spans: this._form.spans.filter((_, index) => index !== at) })}>Take away</button>
      </div></fieldset>`;
  }

  /**
   * @param {import("./window_words.js").ExceptionRow} one
   * @param {number} at
   */
  _exception(one, at) {
    const set = (/** @type {Partial<typeof one>} */ change) =>
      this._set({ exceptions: this._form.exceptions.map((other, index) => (index === at ? { ...other, ...change } : other)) });
    return html`<fieldset><legend>Special day, ${at + 1}</legend><div class="row">
      ${textField({ id: `gw-window-date-${at}`, label: "Date", type: "date", value: one.date, onInput: (date) => set({ date }) })}
      ${textField({
        id: `gw-window-from-${at}`, label: "Open from", value: one.start, hint: "Empty: closed all day", onInput: (start) => set({ start }),
      })}
      ${textField({ id: `gw-window-until-${at}`, label: "Open to", value: one.end, onInput: (end) => set({ end }) })}
      <button type="button" class="button quiet" aria-label="Take away the special day ${at + 1}"
        @click=${() => this._set({ exceptions: this._form.exceptions.filter((_, index) => index !== at) })}>Take away</button></div></fieldset>`;
  }

  /** @param {Partial<Form>} change */
  _set(change) {
    this._form = { ...this._form, ...change };
    this._problem = null;
  }

  async _save() {
    this._tried = true;
    const form = this._form;
    if (windowWrong(form)) return;
    const { api, say } = this.services;
    this._busy = true;
    try {
      const body = windowSpec(form);
      if (this.window) await api.send("PUT", `/windows/${form.name}`, { body, ifMatch: this.window.revision });
      else await api.send("POST", "/windows", { body: { ...body, name: form.name } });
      say.done(`The maintenance window ${form.name} is saved.`);
      this.close(true);
    } catch (error) {
      if (error instanceof Problem) this._problem = error;
      else throw error;
    } finally {
      this._busy = false;
    }
  }
}

/**
 * @param {readonly string[]} days
 * @param {string} day
 * @param {boolean} on
 */
function others(days, day, on) {
  return on ? [...days, day] : days.filter((one) => one !== day);
}

/** @param {Problem} problem */
function problemText({ message, errors }) {
  return [message, ...errors.map((one) => `${one.field}: ${one.message}`)].join(" ");
}

customElements.define("gw-window-form", WindowForm);
