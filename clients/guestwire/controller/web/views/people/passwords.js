/** Passwords as people meet them: one made up for somebody, and the form that changes one's own. */

import { html } from "lit";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { trouble } from "../../parts/trouble.js";

const LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";
const LENGTH = 20;

/** A password that nobody guesses: 20 letters and digits that are not mistaken for one another, in fives. */
export function newPassword() {
  const letters = [];
  while (letters.length < LENGTH) {
    for (const byte of crypto.getRandomValues(new Uint8Array(LENGTH))) {
      // those at the end of the range would make some letters likelier
      if (byte < 256 - (256 % LETTERS.length) && letters.length < LENGTH) letters.push(LETTERS[byte % LETTERS.length]);
    }
  }
  return (letters.join("").match(/.{5}/g) ?? []).join("-");
}

export class OwnPassword extends Part {
  static properties = { ...Part.properties, words: { state: true }, busy: { state: true }, error: { state: true } };

  constructor() {
    super();
    this.words = { old: "", new: "", again: "" };
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  render() {
    const set = (/** @type {Partial<OwnPassword["words"]>} */ some) => (this.words = { ...this.words, ...some });
    const differ = this.words.again !== "" && this.words.new !== this.words.again;
    return html`<form class="stack" @submit=${this._change}>
      ${textField({ id: "gw-password-old", label: "Password now", type: "password", value: this.words.old,
        required: true,
        autocomplete: "current-password", onInput: (old) => set({ old }) })}
      ${textField({ id: "gw-password-new", label: "New password", type: "password", value: this.words.new,
        required: true,
        autocomplete: "new-password", hint: "Twelve characters at least.", onInput: (text) => set({ new: text }) })}
      ${textField({ id: "gw-password-again", label: "New password again", type: "password", value: this.words.again,
        required: true,
        autocomplete: "new-password", error: differ ? "The two are not the same." : "", onInput: (again) =>
          set({ again }) })}
      ${trouble(this.error)}
      <div class="toolbar"><button class="button primary" ?disabled=${this.busy || differ || !this.words.again}>Change
        the password</button></div>
    </form>`;
  }

  /** @param {Event} event */
  async _change(event) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      await this.services.api.send("PUT", "/users/me/password", { body: { old: this.words.old, new: this.words.new } });
      this.words = { old: "", new: "", again: "" };
      this.services.say.done("The password is changed. Your other sessions have ended.");
      this.dispatchEvent(new CustomEvent("changed", { bubbles: true }));
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }
}

customElements.define("gw-own-password", OwnPassword);
