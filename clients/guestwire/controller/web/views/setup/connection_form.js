/**
 * The form of a connection: by which way, and what that way needs. It adds the connection; how that fares is shown by
 * its state.
 */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";
import { connectionLine, connectionOf, missing, valuesOf, WAYS, wayOf } from "./ways.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Connection"]} Connection */
/** @typedef {import("../../types/api.js").components["schemas"]["ConnectionView"]} ConnectionView */

export class ConnectionForm extends Part {
  static properties = {
    ...Part.properties, changes: { attribute: false }, via: { state: true }, values: { state: true },
    wrong: { state: true }, busy: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    /** The connection that is changed, as it is now; null: a new one. @type {Connection | null} */
    this.changes = null;
    /** @type {import("./ways.js").Via} */
    this.via = "socket";
    /** @type {Record<string, string>} */
    this.values = {};
    /** @type {Record<string, string>} */
    this.wrong = {};
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  connectedCallback() {
    super.connectedCallback();
    const { via, ...values } = valuesOf(this.changes ?? {});
    if (via) this.via = /** @type {import("./ways.js").Via} */ (via);
    this.values = { socket: "/run/guestwire/agent.sock", ...values };
  }

  render() {
    const way = wayOf(this.via);
    const usual = way.fields.filter((one) => !one.more);
    const more = way.fields.filter((one) => one.more);
    const line = this.changes ? "" : connectionLine(this.via, this.values);
    return html`<form class="stack" novalidate @submit=${this._add}>
      <fieldset><legend>How the hosts are reached</legend>
        ${WAYS.map((one) => html`<label class="row gw-way"><input type="radio" name="gw-connection-via"
          .checked=${one.via === this.via}
          @change=${() => { this.via = one.via; this.wrong = {}; }}> <span>${one.label}<br><span
            class="muted">${one.text}</span></span></label>`)}
      </fieldset>
      <div class="gw-fields">
        ${this._field({ name: "name", label: "Name of the connection", hint: "a to z, 0 to 9 and hyphen.",
          need: true })}
        ${this._field({ name: "site", label: "Site", hint: "As it was given to guestwire site init.", need: true })}
        ${usual.map((one) => this._field(one))}
      </div>
      ${more.length ? html`<details><summary>More</summary><div class="gw-fields">${more.map((one) =>
        this._field(one))}</div></details>` : nothing}
      ${trouble(this.error)}
      <div class="toolbar"><button class="button primary" ?disabled=${this.busy}>${this.busy ? "Connecting …"
        : this.changes ? "Save and connect" : "Connect"}</button></div>
      ${line ? cli(this.services, line) : nothing}
    </form>`;
  }

  /** @param {import("./ways.js").WayField} field */
  _field({ name, label, hint, need }) {
    return textField({
      id: `gw-connection-${name}`, label: need ? label : html`${label} <span class="muted">(may stay empty)</span>`,
      hint, value: this.values[name] ?? "", disabled: name === "name" && this.changes !== null,
      error: this.wrong[name] || fieldTrouble(this.error, name),
      onInput: (value) => (this.values = { ...this.values, [name]: value }),
    });
  }

  /** @param {Event} event */
  async _add(event) {
    event.preventDefault();
    this.error = null;
    this.wrong = missing(this.via, this.values);
    if (Object.keys(this.wrong).length) return;
    this.busy = true;
    try {
      const { api } = this.services;
      const body = connectionOf(this.via, this.values, this.changes);
      const answer = this.changes ? await api.send("PUT", `/connections/${this.changes.name}`, { body })
        : await api.send("POST", "/connections", { body });
      /** @type {ConnectionView} */
      const made = answer.document;
      this.dispatchEvent(new CustomEvent("connected", { bubbles: true, detail: made }));
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-connection-form", ConnectionForm);
