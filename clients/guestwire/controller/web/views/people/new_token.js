/** The dialog that makes a token, and shows its text once. */

import { html, nothing } from "lit";
import { checkField, selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";
import { roleFields } from "./roles.js";
import { secretOnce } from "./secret_once.js";

/** @typedef {import("../../core/services.js").Services} Services */

const DAY_MS = 86_400_000;

/** For how long. @type {[string, string][]} */
const TIMES = [["30", "30 days"], ["90", "90 days"], ["365", "a year"], ["1", "a day"], ["0", "never"]];

/** @param {Services} services */
export function newToken(services) {
  return services.dialogs.open(
    (close) => html`<gw-new-token .services=${services} .close=${close}></gw-new-token>`, { title: "Make a token" },
  );
}

export class NewToken extends Part {
  static properties = {
    ...Part.properties, close: { attribute: false }, name: { state: true }, days: { state: true },
      binding: { state: true },
    made: { state: true }, busy: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    this.close = () => {};
    this.name = "";
    this.days = "90";
    /** null: for all that one may. @type {import("./roles.js").Binding | null} */
    this.binding = { role: "observer", scope: "*" };
    /** @type {{name: string, token: string} | null} */
    this.made = null;
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  render() {
    if (this.made) {
      return html`<div class="dialog-body stack">
          <p role="status">The token ${this.made.name} is made.</p>
          ${secretOnce(this.services, { id: "gw-new-token-text", label: "Token", secret: this.made.token })}
        </div>
        <footer><button type="button" class="button" @click=${() => this.close()}>Done</button></footer>`;
    }
    return html`<form @submit=${this._make}>
      <div class="dialog-body stack">
        ${textField({ id: "gw-new-token-name", label: "Name", value: this.name, required: true,
          hint: "Which program has it.",
          error: fieldTrouble(this.error, "name"), onInput: (name) => (this.name = name) })}
        ${selectField({ id: "gw-new-token-days", label: "Expires after", value: this.days, options: TIMES,
          onChange: (days) => (this.days = days) })}
        ${checkField({ id: "gw-new-token-limited", label: "For one role only", value: this.binding !== null,
          hint: "Without a role it may all that you may.",
          onChange: (on) => (this.binding = on ? { role: "observer", scope: "*" } : null) })}
        ${this.binding ? roleFields(this.services.live, "gw-new-token", this.binding, (one) => (this.binding = one))
          : nothing}
        ${trouble(this.error)}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this.busy}>Make the token</button></footer>
    </form>`;
  }

  /** @param {Event} event */
  async _make(event) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      const days = Number(this.days);
      const body = {
        name: this.name, bindings: this.binding ? [this.binding] : null, expires_at: days ? Date.now() + days * DAY_MS
          : null,
      };
      this.made = (await this.services.api.send("POST", "/tokens", { body, key: "" })).document;
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-new-token", NewToken);
