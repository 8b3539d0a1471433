/** The dialog that makes a webhook or changes one; the secret of a new one is shown once. */

import { html } from "lit";
import { checkField, selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";
import { secretOnce } from "./secret_once.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../types/api.js").components["schemas"]["WebhookShown"]} Webhook */
/** @typedef {import("../../types/api.js").components["schemas"]["WebhookWords"]} Words */
/** @typedef {"raised" | "acknowledged" | "cleared"} Event */

/** @type {readonly {id: Event, label: string}[]} */
const EVENTS = [{ id: "raised", label: "raised" }, { id: "acknowledged", label: "acknowledged" }, { id: "cleared",
  label: "cleared" }];

/**
 * @param {Services} services
 * @param {Webhook | null} webhook null: a new one
 * @returns {Promise<Webhook | undefined>}
 */
export function webhookForm(services, webhook) {
  return services.dialogs.open(
    (close) => html`<gw-webhook-form .services=${services} .webhook=${webhook} .close=${close}></gw-webhook-form>`,
    { title: webhook ? `Change ${webhook.name}` : "Add a webhook" },
  );
}

export class WebhookForm extends Part {
  static properties = {
    ...Part.properties, webhook: { attribute: false }, close: { attribute: false }, words: { state: true },
      made: { state: true },
    busy: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    /** @type {Webhook | null} */
    this.webhook = null;
    /** @type {(made?: Webhook) => void} */
    this.close = () => {};
    /** @type {{name: string, url: string, least_severity: string, events: Event[], enabled: boolean}} */
    this.words = { name: "", url: "https://", least_severity: "warning", events: ["raised", "cleared"], enabled: true };
    /** @type {(Webhook & {secret: string}) | null} */
    this.made = null;
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  connectedCallback() {
    super.connectedCallback();
    if (!this.webhook) return;
    const { name, url, least_severity, events, enabled } = this.webhook;
    this.words = { name, url, least_severity, events: /** @type {Event[]} */ ([...events]), enabled };
  }

  render() {
    const { words, made } = this;
    if (made) {
      return html`<div class="dialog-body stack"><p role="status">The webhook ${made.name} is made.</p>
          ${secretOnce(this.services, { id: "gw-webhook-secret", label: "Secret", secret: made.secret })}
          <p class="muted">Its receiver checks the header Guestwire-Signature with it.</p></div>
        <footer><button type="button" class="button" @click=${() => this.close(made)}>Done</button></footer>`;
    }
    const set = (/** @type {Partial<typeof words>} */ some) => (this.words = { ...this.words, ...some });
    return html`<form @submit=${this._save}>
      <div class="dialog-body stack">
        ${textField({ id: "gw-webhook-name", label: "Name", value: words.name, required: true,
          hint: "a to z, 0 to 9 and hyphen.",
          error: fieldTrouble(this.error, "name"), onInput: (name) => set({ name }) })}
        ${textField({ id: "gw-webhook-url", label: "Address", type: "url", value: words.url, required: true,
          hint: "https://, or http:// to this machine.", error: fieldTrouble(this.error, "url"), onInput: (url) =>
            set({ url }) })}
        ${selectField({ id: "gw-webhook-severity", label: "Alarms of", value: words.least_severity,
          options: [["info", "info and above"], ["warning", "warning and above"], ["critical", "critical"]],
          onChange: (least_severity) => set({ least_severity }) })}
        <fieldset><legend>When they are</legend>${EVENTS.map((one) => html`<label class="row"><input type="checkbox"
          .checked=${words.events.includes(one.id)} @change=${(/** @type {Event & any} */ event) =>
            set({ events: EVENTS.map((known) => known.id)
            .filter((id) => (id === one.id ? event.target.checked : words.events.includes(id))) })}>
              ${one.label}</label>`)}</fieldset>
        ${checkField({ id: "gw-webhook-enabled", label: "On", value: words.enabled,
          hint: "Off: nothing more is sent, not even what waits.",
          onChange: (enabled) => set({ enabled }) })}
        ${trouble(this.error)}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this.busy || !words.events.length}>${this.webhook ? "Save"
          : "Add"}</button></footer>
    </form>`;
  }

  /** @param {SubmitEvent} event */
  async _save(event) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      const { api } = this.services;
      if (this.webhook) {
        const path = `/webhooks/${this.webhook.id}`;
        this.close((await api.send("PUT", path, { body: this.words, ifMatch: this.webhook.revision })).document);
      } else this.made = (await api.send("POST", "/webhooks", { body: this.words, key: "" })).document;
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-webhook-form", WebhookForm);
