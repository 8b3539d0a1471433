/** Signing in, choosing another password where that must be, and the very first administrator. */

import { html, nothing } from "lit";
import { Part } from "../parts/part.js";
import { textField } from "../parts/field.js";

/** @typedef {"in" | "first"} What */

export class SignIn extends Part {
  static properties = { ...Part.properties, _what: { state: true }, _busy: { state: true }, _error: { state: true } };

  constructor() {
    super();
    /** @type {What} */
    this._what = "in";
    this._busy = false;
    this._error = "";
    /** @type {Record<string, string>} */
    this._typed = {};
  }

  connectedCallback() {
    super.connectedCallback();
    document.title = "Sign in · Guestwire";
  }

  render() {
    const must = this.services.session.me?.must_change;
    const title = must ? "Choose a password" : this._what === "first" ? "The first administrator" : "Sign in";
    return html`<main class="alone"><form class="panel stack" aria-labelledby="sign-in-title" @submit=${this._submit}>
      <p class="brand">Guestwire</p>
      <h1 id="sign-in-title">${title}</h1>
      ${must ? html`<p>The password was given by somebody else: choose one of your own.</p>
          ${this._field("old", "Password now", "current-password")}${this._field("password", "New password", "new-password")}`
        : html`${this._what === "first" ? html`<p>At its first start the controller left a token for the first administrator in a file; its log says
              which.</p>
            ${this._field("token", "Token", "off")}` : nothing}
          ${this._field("name", "Name", "username", "text")}
          ${this._field("password", "Password", this._what === "first" ? "new-password" : "current-password")}`}
      ${this._error ? html`<p class="error" role="alert">${this._error}</p>` : nothing}
      <button class="button primary" ?disabled=${this._busy}>${must ? "Change the password" : this._what === "first" ? "Make the administrator" : "Sign in"}</button>
      ${must ? html`<button type="button" class="button quiet" @click=${() => this.services.session.logOut()}>Sign out</button>`
        : html`<button type="button" class="button quiet" @click=${() => this._other()}>${this._what === "first" ? "Sign in instead" : "This controller has no user yet"}</button>`}
    </form></main>`;
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {string} autocomplete
   * @param {string} [type]
   */
  _field(id, label, autocomplete, type = "password") {
    return textField({
      id: `sign-in-${id}`, label, type, autocomplete, required: true, value: this._typed[id] ?? "",
      onInput: (value) => { this._typed[id] = value; },
    });
  }

  _other() {
    this._what = this._what === "first" ? "in" : "first";
    this._error = "";
  }

  /** @param {Event} event */
  async _submit(event) {
    event.preventDefault();
    this._busy = true;
    this._error = "";
    try {
      await this._done();
    } catch (error) {
      this._error = /** @type {Error} */ (error).message;
    }
    this._busy = false;
  }

  async _done() {
    const { api, session } = this.services;
    const { name, password, token, old } = this._typed;
    if (session.me?.must_change) {
      await api.send("PUT", "/users/me/password", { body: { old, new: password } });
      this._typed = {};
      return session.begin();
    }
    if (this._what === "first") await api.send("POST", "/bootstrap", { body: { token, name, password } });
    this._typed = { name };
    await session.logIn(name, password);
  }
}
customElements.define("gw-sign-in", SignIn);
