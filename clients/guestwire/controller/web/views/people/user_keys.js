/**
 * The signing keys of another user: which there are, whether hosts believe them, and revoking one. One's own are
 * my_keys.js.
 */

import { html, nothing } from "lit";
import { ago, time } from "../../core/format.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["KeyShown"]} Key */

export class UserKeys extends Part {
  static properties = { ...Part.properties, user: {} };

  constructor() {
    super();
    this.user = "";
    /** @type {Loading<{items: Key[]}>} */
    this.keys = new Loading(this, (signal) => this.services.api.get(`/users/${this.user}/keys`, {}, signal));
  }

  render() {
    const items = this.keys.document?.items ?? [];
    const may = this.services.session.may("user-set");
    return html`${trouble(this.keys.error, () => void this.keys.again())}
      ${items.length ? html`<table class="table">
        <caption class="sr">Signing keys of ${this.user}</caption>
        <thead><tr><th scope="col">Label</th><th scope="col">Key</th><th scope="col">State</th>
          <th scope="col">Enrolled</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${items.map((one) => html`<tr>
          <th scope="row">${one.label}</th><td class="mono">${one.id}</td><td>${keyState(one)}</td>
          <td><span title=${time(one.enrolled_at)}>${ago(one.enrolled_at, Date.now())}</span></td>
          <td>${may && !one.revoked_at ? html`<button type="button" class="button danger"
            aria-label="Revoke ${one.label}"
            @click=${() => void this._revoke(one)}>Revoke</button>` : nothing}</td></tr>`)}</tbody>
      </table>` : this.keys.document ? html`<p class="muted">No keys. Everybody enrols their own, in their browser or by
        <code>guestwire key enrol</code>.</p>` : nothing}`;
  }

  /** @param {Key} one */
  async _revoke(one) {
    const { api, dialogs, say } = this.services;
    const text = "Nothing more that it signs is taken here. Hosts believe it until the site's root revokes it.";
    if (!(await dialogs.confirmName({ title: "Revoke the key", text, name: one.label, action: "Revoke" }))) return;
    try {
      await api.send("DELETE", `/users/${this.user}/keys/${one.id}`);
      say.done(`The key ${one.label} is revoked.`);
    } catch (error) {
      say.problem(error);
    }
    await this.keys.again();
  }
}

/** @param {Key} one */
function keyState(one) {
  if (one.revoked_at) return pill("off", "○", "revoked");
  return one.in_trust.length ? pill("ok", "●", `in force at ${one.in_trust.map((site) => site.site).join(", ")}`)
    : pill("pend", "◔", "not in any trust document yet");
}

customElements.define("gw-user-keys", UserKeys);
