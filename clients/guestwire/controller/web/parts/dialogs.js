/** Questions: native dialogs, one above the other. Destructive ones want the name typed. */

import { html, nothing, render } from "lit";

/** @typedef {(close: (result?: any) => void) => unknown} Content */

export class Dialogs {
  /** @param {HTMLElement} place */
  constructor(place) {
    this._place = place;
    this._count = 0;
  }

  /**
   * A dialog with any content; resolves with what `close` was given, undefined when it was left by Escape.
   * @param {Content} content called again whenever the dialog is to be shown anew: see `again` of the element
   * @param {{title: string, wide?: boolean}} options
   * @returns {Promise<any>}
   */
  open(content, { title, wide = false }) {
    const dialog = document.createElement("dialog");
    const id = `dialog-${++this._count}`;
    dialog.className = wide ? "dialog wide" : "dialog";
    dialog.setAttribute("aria-labelledby", id);
    /** @type {any} */
    let result;
    return new Promise((resolve) => {
      const close = (/** @type {any} */ given) => {
        result = given;
        dialog.close();
      };
      const show = () => render(html`
        <header><h2 id=${id}>${title}</h2>
          <button type="button" class="button quiet" aria-label="Close" @click=${() => close(undefined)}>✕</button></header>
        ${content(close)}`, dialog);
      dialog.addEventListener("gw-again", show);
      dialog.addEventListener("close", () => {
        dialog.remove();
        resolve(result);
      });
      show();
      this._place.append(dialog);
      dialog.showModal();
    });
  }

  /** Leave all of them: nobody is signed in any more. */
  closeAll() {
    for (const dialog of this._place.querySelectorAll("dialog")) dialog.close();
  }

  /**
   * @param {{title: string, text: unknown, action: string, danger?: boolean}} options
   * @returns {Promise<boolean>}
   */
  async confirm({ title, text, action, danger = false }) {
    return (await this.open((close) => html`
      <form method="dialog" @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(true); }}>
        <div class="dialog-body">${text}</div>
        <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button>
          <button class="button ${danger ? "danger" : "primary"}" autofocus>${action}</button></footer>
      </form>`, { title })) === true;
  }

  /**
   * Whether somebody means it: they type the name.
   * @param {{title: string, text: unknown, name: string, action: string}} options
   * @returns {Promise<boolean>}
   */
  async confirmName({ title, text, name, action }) {
    const id = `confirm-${this._count + 1}`;
    let typed = "";
    return (await this.open((close) => html`
      <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); if (typed === name) close(true); }}>
        <div class="dialog-body stack">
          ${text ? html`<p>${text}</p>` : nothing}
          <label for=${id}>Type <strong class="mono">${name}</strong> to confirm</label>
          <input id=${id} autocomplete="off" autocapitalize="off" spellcheck="false" autofocus
            @input=${(/** @type {any} */ event) => { typed = event.target.value; event.target.dispatchEvent(new Event("gw-again", { bubbles: true })); }}>
        </div>
        <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button>
          <button class="button danger" ?disabled=${typed !== name}>${action}</button></footer>
      </form>`, { title })) === true;
  }
}
