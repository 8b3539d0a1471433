/** One user: what they are called, whether they may come in, their roles, tokens and keys. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { ago, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import "../../parts/menu.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { noRight } from "./no_right.js";
import { newPassword } from "./passwords.js";
import { roleFields, scopeWords } from "./roles.js";
import { secretOnce } from "./secret_once.js";
import "./tokens.js";
import "./user_keys.js";
import { userState } from "./users.js";

/** @typedef {import("../../types/api.js").components["schemas"]["UserShown"]} User */
/** @typedef {import("./roles.js").Binding} Binding */

export class UserPage extends Part {
  static properties = { ...Part.properties, binding: { state: true }, error: { state: true } };

  constructor() {
    super();
    this.follow("host", "group");
    /** The role that is about to be given. @type {Binding} */
    this.binding = { role: "operator", scope: "*" };
    /** @type {unknown} */
    this.error = null;
    /** @type {Loading<User>} */
    this.user = new Loading(this, (signal) => this.services.api.get(this._path, {}, signal));
  }

  get _path() {
    return `/users/${this.params.name}`;
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("user", (changes) => {
      if (changes.some((one) => one.key === this.params.name && one.document)) void this.user.again();
    }));
  }

  render() {
    const { session, router } = this.services;
    const user = this.user.document;
    const { name } = this.params;
    if (!session.may("user-read")) return html`<h1>${name}</h1>${noRight(
      "To see users takes the role admin on everything.", router)}`;
    if (!user) {
      return html`<h1>${this.params.name}</h1>${this.user.error ? trouble(this.user.error, () => void this.user.again())
        : html`<p class="muted">Reading the user …</p>`}`;
    }
    return html`<section class="gw-user stack">
      <p><a href=${router.href("/users")}>Users</a></p>
      <div class="row"><h1>${user.name}</h1>${user.label ? html`<span>${user.label}</span>`
        : nothing}${userState(user)}</div>
      <p class="muted">Added <span title=${time(user.created_at)}>${ago(user.created_at, Date.now())}</span>, last
        signed in
        <span title=${time(user.login_at)}>${ago(user.login_at, Date.now())}</span>.</p>
      ${session.may("user-set") ? this._actions(user) : nothing}
      ${trouble(this.error)} ${this._roles(user)}
      <section class="panel stack" aria-labelledby="gw-user-tokens"><h2 id="gw-user-tokens">Tokens</h2>
        <gw-tokens .services=${this.services} .user=${user.name}></gw-tokens></section>
      <section class="panel stack" aria-labelledby="gw-user-keys"><h2 id="gw-user-keys">Signing keys</h2>
        <gw-user-keys .services=${this.services} .user=${user.name}></gw-user-keys></section>
      ${cli(this.services, line`guestwire user show ${user.name}`)}
    </section>`;
  }

  /** @param {User} user */
  _actions(user) {
    const self = this.services.session.me?.id === user.id;
    return html`<div class="toolbar">
      <button type="button" class="button" @click=${() => void this._called(user)}>Change what they are called</button>
      <button type="button" class="button" @click=${() => void this._password(user)}>Give another password</button>
      ${user.disabled
        ? html`<button type="button" class="button" @click=${() => void this._change(user, { disabled: false },
          `${user.name} may come in again.`)}>Enable</button>`
        : html`<button type="button" class="button danger" ?disabled=${self} title=${self ? "That is you." : nothing}
            @click=${() => void this._disable(user)}>Disable</button>`}
      <button type="button" class="button danger" ?disabled=${self} title=${self ? "That is you." : nothing}
        @click=${() => void this._remove(user)}>Remove</button>
    </div>`;
  }

  /** @param {User} user */
  _roles(user) {
    const may = this.services.session.may("role-set");
    return html`<section class="panel stack" aria-labelledby="gw-user-roles">
      <h2 id="gw-user-roles">Roles</h2>
      ${user.bindings.length ? html`<table class="table">
        <caption class="sr">Roles of ${user.name}</caption>
        <thead><tr><th scope="col">Role</th><th scope="col">On</th><th scope="col"><span
          class="sr">Actions</span></th></tr></thead>
        <tbody>${user.bindings.map((one) => html`<tr>
          <th scope="row">${one.role}</th><td>${scopeWords(one.scope)}</td>
          <td>${may ? html`<button type="button" class="button"
            aria-label="Take ${one.role} on ${scopeWords(one.scope)}"
            @click=${() => void this._take(one)}>Take</button>` : nothing}</td></tr>`)}</tbody>
      </table>` : html`<p>No role: they may come in, and see nothing.</p>`}
      ${may ? html`<form class="toolbar gw-filters"
        @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._give(); }}>
        ${roleFields(this.services.live, "gw-user", this.binding, (one) => (this.binding = one))}
        <button class="button">Give the role</button></form>` : nothing}
    </section>`;
  }

  _give() {
    return this._try(() => this.services.api.send("POST", `${this._path}/bindings`, { body: this.binding }),
      `${this.params.name} is ${this.binding.role} on ${scopeWords(this.binding.scope)}.`);
  }

  /** @param {Binding} one */
  async _take(one) {
    const sure = await this.services.dialogs.confirmName({ title: "Take the role", action: "Take",
      name: this.params.name, text: `They are no longer ${one.role} on ${scopeWords(one.scope)} then.` });
    if (!sure) return;
    await this._try(() => this.services.api.send("DELETE", `${this._path}/bindings`, { query: { role: one.role,
      scope: one.scope } }),
      `The role ${one.role} is taken from ${this.params.name}.`);
  }

  /** @param {User} user */
  async _disable(user) {
    const text = "They come in no more, and their sessions and tokens count no more, until they are enabled.";
    if (!(await this.services.dialogs.confirmName({ title: "Disable the user", text, name: user.name,
      action: "Disable" }))) return;
    await this._change(user, { disabled: true }, `${user.name} is disabled.`);
  }

  /** @param {User} user */
  async _remove(user) {
    const { api, dialogs, router } = this.services;
    const text = "Their roles, sessions, tokens and keys go with them. What they did stays in the audit log.";
    if (!(await dialogs.confirmName({ title: "Remove the user", text, name: user.name, action: "Remove" }))) return;
    await this._try(() => api.send("DELETE", this._path, { ifMatch: user.revision }),
      `The user ${user.name} is removed.`, () => router.go("/users"));
  }

  /** @param {User} user */
  async _called(user) {
    let label = user.label;
    const sure = await this.services.dialogs.open((close) => html`
      <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(true); }}>
        <div class="dialog-body stack">${textField({ id: "gw-user-label", label: "Called", value: label,
          onInput: (text) => (label = text) })}</div>
        <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button><button
          class="button primary">Save</button></footer>
      </form>`, { title: `What people call ${user.name}` });
    if (sure) await this._change(user, { label }, "Saved.");
  }

  /** @param {User} user */
  async _password(user) {
    const password = newPassword();
    const sure = await this.services.dialogs.open((close) => html`
      <div class="dialog-body stack"><p>${user.name} gets this password, chooses another one at the next sign-in, and
        their sessions end.</p>
        ${secretOnce(this.services, { id: "gw-user-new-password", label: "Password", secret: password })}</div>
      <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button>
        <button type="button" class="button primary" @click=${() => close(true)}>Give the password</button></footer>`,
      { title: "Give another password" });
    if (sure) await this._change(user, { password, must_change: true }, `${user.name} has another password.`);
  }

  /**
   * @param {User} user
   * @param {object} body
   * @param {string} done
   */
  _change(user, body, done) {
    return this._try(() => this.services.api.send("PATCH", this._path, { body, ifMatch: user.revision }), done);
  }

  /**
   * @param {() => Promise<unknown>} task
   * @param {string} done
   * @param {() => unknown} [then] what has to be before anything is said: done to the user as they were, the next thing would be refused
   */
  async _try(task, done, then = () => this.user.again()) {
    this.error = null;
    try {
      await task();
    } catch (error) {
      this.error = error;
      return;
    }
    if (this.isConnected) await then();
    this.services.say.done(done);
  }
}

customElements.define("gw-user", UserPage);
