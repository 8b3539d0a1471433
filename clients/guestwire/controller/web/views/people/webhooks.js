/** Where alarms are told to other machines: the list, and the one that is looked at (?webhook=id). */

import { html, nothing } from "lit";
import { ago, counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { noRight } from "./no_right.js";
import "./webhook_detail.js";
import { webhookForm } from "./webhook_form.js";

/** @typedef {import("../../types/api.js").components["schemas"]["WebhookShown"]} Webhook */

export class Webhooks extends Part {
  constructor() {
    super();
    this.follow("webhook");
    /** @type {Loading<Webhook[]>} */
    this.webhooks = new Loading(this, () => this.services.api.all("/webhooks"));
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("webhook", () => void this.webhooks.again()));
  }

  render() {
    const { router, session } = this.services;
    if (!session.may("webhook-set")) return html`<h1>Webhooks</h1>
      ${noRight("To see webhooks takes the role admin on everything.", router)}`;
    const items = this.webhooks.document ?? [];
    const shown = this.query.get("webhook");
    return html`<section class="gw-webhooks stack">
      <h1>Webhooks</h1>
      <p class="muted">The controller tells alarms to these addresses as they are raised, acknowledged and cleared. Each
        message is signed with
        the webhook's secret.</p>
      <div class="toolbar"><button type="button" class="button primary" @click=${() => void this._add()}>Add a
        webhook</button></div>
      ${trouble(this.webhooks.error, () => void this.webhooks.again())}
      ${items.length ? this._table(items, shown) : this.webhooks.document ? empty({
        title: "No webhooks", text: "Have alarms told to a chat, a pager or a program of your own.",
        cli: cli(this.services, "guestwire webhook make pager URL --from critical"),
      }) : this.webhooks.busy ? html`<p class="muted">Reading the webhooks …</p>` : nothing}
      ${shown ? html`<gw-webhook-detail .services=${this.services} .webhook=${shown}
        @changed=${() => void this.webhooks.again()}></gw-webhook-detail>` : nothing}
    </section>`;
  }

  /**
   * @param {Webhook[]} items
   * @param {string | null} shown
   */
  _table(items, shown) {
    const now = Date.now();
    return html`<table class="table">
      <caption class="sr">Webhooks</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Address</th><th scope="col">Told of</th><th
        scope="col">State</th>
        <th scope="col">Last taken</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${items.map((one) => html`<tr class=${one.id === shown ? "chosen" : ""}>
        <th scope="row">${one.name}</th><td class="mono gw-said">${one.url}</td>
        <td>${one.least_severity} and above: ${one.events.join(", ")}</td>
        <td>${webhookState(one)}${one.dropped ? html` <span class="muted">${counted(one.dropped, "message")} given
          up</span>` : nothing}</td>
        <td><span title=${time(one.delivered_at)}>${ago(one.delivered_at, now)}</span></td>
        <td><button type="button" class="button" aria-expanded=${one.id === shown} aria-label="${one.id === shown
          ? "Close" : "Open"} ${one.name}"
          @click=${() => this.services.router.set({ webhook: one.id === shown ? null : one.id })}>${one.id === shown
            ? "Close" : "Open"}</button></td>
      </tr>`)}</tbody>
    </table>`;
  }

  async _add() {
    const made = await webhookForm(this.services, null);
    if (!made) return;
    this.services.router.set({ webhook: made.id });
    await this.webhooks.again();
  }
}

/** @param {Webhook} one */
export function webhookState(one) {
  if (!one.enabled) return pill("off", "○", "off");
  if ((one.failed_at ?? 0) > (one.delivered_at ?? 0)) return pill("err", "✕", "not taken");
  return one.delivered_at ? pill("ok", "●", "taken") : pill("off", "◌", "nothing sent yet");
}

customElements.define("gw-webhooks", Webhooks);
