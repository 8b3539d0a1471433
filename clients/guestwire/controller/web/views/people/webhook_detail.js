/** One webhook: what waits to be sent, what went wrong, a trial, changing and removing it. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { ago, counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { webhookForm } from "./webhook_form.js";

/** @typedef {import("../../types/api.js").components["schemas"]["WebhookDetail"]} Detail */

const EVERY_MS = 2000;

export class WebhookDetailView extends Part {
  static properties = { ...Part.properties, webhook: {}, tried: { state: true } };

  constructor() {
    super();
    /** Its id. */
    this.webhook = "";
    /** When a trial was sent, Unix ms; 0: none. */
    this.tried = 0;
    /** @type {Loading<Detail>} */
    this.detail = new Loading(this, (signal) => this.services.api.get(`/webhooks/${this.webhook}`, {}, signal));
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(EVERY_MS, () => this.detail.again());
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    if (changed.get("webhook")) {
      this.tried = 0;
      this.detail.document = null;
      void this.detail.again();
    }
  }

  render() {
    const one = this.detail.document;
    if (!one) return this.detail.error ? trouble(this.detail.error, () => void this.detail.again()) : html`<p
      class="muted">Reading the webhook …</p>`;
    return html`<section class="panel stack" aria-labelledby="gw-webhook-title">
      <h2 id="gw-webhook-title">${one.name}</h2>
      <div class="toolbar">
        <button type="button" class="button" ?disabled=${!one.enabled} @click=${() => void this._try(one)}>Send a
          trial</button>
        <button type="button" class="button" @click=${() => void this._change(one)}>Change</button>
        <button type="button" class="button danger" @click=${() => void this._remove(one)}>Remove</button>
      </div>
      <p role="status">${this._trial(one)}</p>
      <dl class="kv">
        <dt>Address</dt><dd class="mono">${one.url}</dd>
        <dt>Last taken</dt><dd>${time(one.delivered_at)}</dd>
        <dt>Last not taken</dt><dd>${one.failed_at ? html`${time(one.failed_at)}: ${one.failure}` : "never"}</dd>
        <dt>Given up</dt><dd>${counted(one.dropped, "message")}</dd>
        <dt>Changed</dt><dd>${time(one.changed_at)} by ${one.changed_by}</dd>
      </dl>
      <h3>Waiting to be sent</h3>
      ${one.waiting.length ? html`<table class="table">
        <caption class="sr">What waits to be sent to ${one.name}</caption>
        <thead><tr><th scope="col">Since</th><th scope="col">What</th><th scope="col" class="end">Tries</th><th
          scope="col">Next</th></tr></thead>
        <tbody>${one.waiting.map((item) => html`<tr><td>${time(item.at)}</td><td>${item.event}</td><td
          class="end num">${item.tries}</td>
          <td>${ago(item.next_at, Date.now())}</td></tr>`)}</tbody></table>` : html`<p class="muted">Nothing.</p>`}
      ${cli(this.services, line`guestwire webhook try ${one.name}`)}
    </section>`;
  }

  /** What became of the trial. @param {Detail} one */
  _trial(one) {
    if (!this.tried) return nothing;
    if ((one.delivered_at ?? 0) >= this.tried) return html`<span aria-hidden="true">✓</span> The trial was taken.`;
    if ((one.failed_at ?? 0) >= this.tried) return html`<span aria-hidden="true">✕</span> The trial was not taken:
      ${one.failure}. It is sent again for a day.`;
    return "The trial is on its way …";
  }

  /** @param {Detail} one */
  async _try(one) {
    // by the controller's clock: what it tells of this webhook so far is before the trial
    const before = Math.max(one.delivered_at ?? 0, one.failed_at ?? 0) + 1;
    await this._done(() => this.services.api.send("POST", `/webhooks/${one.id}/trial`), "A trial is sent.");
    this.tried = before;
  }

  /** @param {Detail} one */
  async _change(one) {
    if (await webhookForm(this.services, one)) await this._done(() => Promise.resolve(),
      `The webhook ${one.name} is changed.`);
  }

  /** @param {Detail} one */
  async _remove(one) {
    const { api, dialogs, router } = this.services;
    const text = "Nothing more is told to it, not even what waits.";
    if (!(await dialogs.confirmName({ title: "Remove the webhook", text, name: one.name, action: "Remove" }))) return;
    await this._done(() => api.send("DELETE", `/webhooks/${one.id}`, { ifMatch: one.revision }),
      `The webhook ${one.name} is removed.`, () => router.set({ webhook: null }));
  }

  /**
   * @param {() => Promise<unknown>} task
   * @param {string} text
   * @param {() => unknown} [then] what has to be before anything is said: done to the webhook as it was, the next thing would be refused
   */
  async _done(task, text, then = () => this.detail.again()) {
    try {
      await task();
    } catch (error) {
      this.services.say.problem(error);
      return;
    }
    this.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
    if (this.isConnected) await then();
    this.services.say.done(text);
  }
}

customElements.define("gw-webhook-detail", WebhookDetailView);
