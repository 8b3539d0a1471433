/** Oneself: who one is, password, sessions, tokens, signing keys, and how the pages look in this browser. */

import { html } from "lit";
import { Part } from "../../parts/part.js";
import { roleChips } from "./roles.js";
import "../sync/my_keys.js";
import "./appearance.js";
import "./passwords.js";
import "./sessions.js";
import "./tokens.js";

export class Account extends Part {
  connectedCallback() {
    super.connectedCallback();
    this.watch(this.services.session);
  }

  render() {
    const { me } = this.services.session;
    const part = (/** @type {string} */ id, /** @type {string} */ title, /** @type {unknown} */ content) =>
      html`<section class="panel stack" aria-labelledby="gw-account-${id}"><h2
        id="gw-account-${id}">${title}</h2>${content}</section>`;
    return html`<section class="gw-account stack" @changed=${() => this._sessions?.again()}>
      <h1>Your account</h1>
      <dl class="kv"><dt>Name</dt><dd>${me?.name ?? ""}</dd><dt>Roles</dt><dd>${roleChips(me?.bindings ?? [])}</dd></dl>
      ${part("look", "Appearance", html`<gw-appearance .services=${this.services}></gw-appearance>`)}
      ${part("password", "Password", html`<gw-own-password .services=${this.services}></gw-own-password>`)}
      ${part("sessions", "Where you are signed in", html`<gw-sessions .services=${this.services}></gw-sessions>`)}
      ${part("keys", "Signing keys", html`<gw-my-keys .services=${this.services}></gw-my-keys>`)}
      ${part("tokens", "Tokens", html`<gw-tokens .services=${this.services}></gw-tokens>`)}
    </section>`;
  }

  get _sessions() {
    return /** @type {import("./sessions.js").OwnSessions | null} */ (this.querySelector("gw-sessions"));
  }
}

customElements.define("gw-account", Account);
