/** Tokens for programs: one's own, which one makes and revokes, or those of another user. */

import { html, nothing } from "lit";
import { ago, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { newToken } from "./new_token.js";
import { roleChips } from "./roles.js";

/** @typedef {import("../../types/api.js").components["schemas"]["TokenShown"]} Token */

export class TokensOf extends Part {
  static properties = { ...Part.properties, user: {} };

  constructor() {
    super();
    /** Whose; empty: one's own. */
    this.user = "";
    /** @type {Loading<{items: Token[]}>} */
    this.tokens = new Loading(this, (signal) => this.services.api.get(this._path, {}, signal));
  }

  get _path() {
    return this.user ? `/users/${this.user}/tokens` : "/tokens";
  }

  render() {
    const items = this.tokens.document?.items ?? [];
    const now = Date.now();
    const mine = !this.user;
    return html`<div class="stack">
      ${mine ? html`<div class="toolbar"><button type="button" class="button" @click=${() => void this._make()}>Make a
        token</button></div>` : nothing}
      ${trouble(this.tokens.error, () => void this.tokens.again())}
      ${items.length ? html`<table class="table">
        <caption class="sr">Tokens</caption>
        <thead><tr><th scope="col">Name</th><th scope="col">For</th><th scope="col">Expires</th>
          <th scope="col">Last used</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${items.map((one) => html`<tr>
          <th scope="row">${one.name}</th>
          <td>${one.bindings ? roleChips(one.bindings) : `all that ${mine ? "you" : "they"} may`}</td>
          <td>${one.expires_at ? html`<span title=${time(one.expires_at)}>${ago(one.expires_at, now)}</span>`
            : "never"}</td>
          <td>${one.used_at ? html`<span title=${time(one.used_at)}>${ago(one.used_at, now)}</span> from
            ${one.used_from ?? "?"}` : "never"}</td>
          <td><button type="button" class="button danger" aria-label="Revoke ${one.name}"
            @click=${() => void this._revoke(one)}>Revoke</button></td>
        </tr>`)}</tbody>
      </table>` : this.tokens.document ? empty({
        title: "No tokens", text: "Programs come with a token in place of a password.",
        cli: cli(this.services, "guestwire token make report --role observer --expires 90d"),
      }) : nothing}
    </div>`;
  }

  async _make() {
    await newToken(this.services);
    await this.tokens.again();
  }

  /** @param {Token} one */
  async _revoke(one) {
    const { api, dialogs, say } = this.services;
    const text = "Programs that use this token are refused from then on.";
    if (!(await dialogs.confirmName({ title: "Revoke the token", text, name: one.name, action: "Revoke" }))) return;
    try {
      await api.send("DELETE", `${this._path}/${one.id}`);
      say.done(`The token ${one.name} is revoked.`);
    } catch (error) {
      say.problem(error);
    }
    await this.tokens.again();
  }
}

customElements.define("gw-tokens", TokensOf);
