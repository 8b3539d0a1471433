/** The dialog that makes a user. */

import { html, nothing } from "lit";
import { checkField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";
import { newPassword } from "./passwords.js";
import { roleFields } from "./roles.js";

/** @typedef {import("../../core/services.js").Services} Services */

/**
 * Ask for a new user, make them, and go to their page.
 * @param {Services} services
 */
export async function newUser(services) {
  const name = await services.dialogs.open(
    (close) => html`<gw-new-user .services=${services} .close=${close}></gw-new-user>`, { title: "Add a user" },
  );
  if (typeof name === "string") services.router.go(`/users/${name}`);
}

export class NewUser extends Part {
  static properties = {
    ...Part.properties, close: { attribute: false }, words: { state: true }, binding: { state: true },
      busy: { state: true },
    error: { state: true },
  };

  constructor() {
    super();
    /** @type {(name?: string) => void} */
    this.close = () => {};
    this.words = { name: "", label: "", password: newPassword(), must_change: true };
    /** null: no role yet. @type {import("./roles.js").Binding | null} */
    this.binding = { role: "observer", scope: "*" };
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  render() {
    const { words } = this;
    const set = (/** @type {Partial<typeof words>} */ some) => (this.words = { ...this.words, ...some });
    return html`<form @submit=${this._make}>
      <div class="dialog-body stack">
        ${textField({ id: "gw-new-user-name", label: "Name", value: words.name, required: true,
          hint: "What they sign in with: a to z, 0 to 9, dot, hyphen and underscore.", error: fieldTrouble(this.error,
            "name"),
          onInput: (name) => set({ name }) })}
        ${textField({ id: "gw-new-user-label", label: "Called", value: words.label,
          hint: "What people call them. May stay empty.",
          error: fieldTrouble(this.error, "label"), onInput: (label) => set({ label }) })}
        ${textField({ id: "gw-new-user-password", label: "Password", value: words.password, required: true,
          hint: "Tell it them by a way that only they read: it is not shown again.", error: fieldTrouble(this.error,
            "password"),
          onInput: (password) => set({ password }) })}
        ${checkField({ id: "gw-new-user-change", label: "They choose their own when they sign in first",
          value: words.must_change,
          onChange: (must_change) => set({ must_change }) })}
        ${checkField({ id: "gw-new-user-with-role", label: "Give a role now", value: this.binding !== null,
          onChange: (on) => (this.binding = on ? { role: "observer", scope: "*" } : null) })}
        ${this.binding ? roleFields(this.services.live, "gw-new-user", this.binding, (one) => (this.binding = one))
          : nothing}
        ${trouble(this.error)}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this.busy}>${this.busy ? "Adding …" : "Add"}</button></footer>
    </form>`;
  }

  /** @param {Event} event */
  async _make(event) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      const body = { ...this.words, bindings: this.binding ? [this.binding] : [] };
      await this.services.api.send("POST", "/users", { body });
      this.services.say.done(`The user ${this.words.name} is added.`);
      this.close(this.words.name);
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-new-user", NewUser);
