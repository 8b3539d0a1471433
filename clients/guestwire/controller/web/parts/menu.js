/** A button that opens a list of what can be done. */

import { html, nothing } from "lit";
import { Part } from "./part.js";

/** @typedef {{label: string, run: () => void, why?: string, danger?: boolean}} Item `why`: why it is not possible now */

export class Menu extends Part {
  static properties = { ...Part.properties, label: {}, items: { attribute: false }, _open: { state: true } };

  constructor() {
    super();
    this.label = "More";
    /** @type {Item[]} */
    this.items = [];
    this._open = false;
    this._outside = (/** @type {Event} */ event) => {
      if (!this.contains(/** @type {Node} */ (event.target))) this._close(false);
    };
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    document.removeEventListener("pointerdown", this._outside);
  }

  render() {
    return html`<div class="menu" @keydown=${this._key}>
      <button type="button" class="button" aria-haspopup="menu" aria-expanded=${this._open}
        @click=${this._toggle}>${this.label} <span aria-hidden="true">▾</span></button>
      ${this._open ? html`<div class="menu-list" role="menu" aria-label=${this.label}>${this.items.map((item) => html`
        <button type="button" role="menuitem" tabindex="-1" class=${item.danger ? "danger" : ""}
          aria-disabled=${item.why ? "true" : nothing} title=${item.why || nothing} @click=${() => this._run(item)}>${item.label}
          ${item.why ? html`<span class="muted"> ${item.why}</span>` : nothing}</button>`)}</div>` : nothing}
    </div>`;
  }

  async _toggle() {
    if (this._open) return this._close(true);
    this._open = true;
    document.addEventListener("pointerdown", this._outside);
    await this.updateComplete;
    this._items()[0]?.focus();
  }

  /** @param {boolean} back whether the focus goes back to the button */
  _close(back) {
    this._open = false;
    document.removeEventListener("pointerdown", this._outside);
    if (back) this.querySelector("button")?.focus();
  }

  /** @param {Item} item */
  _run(item) {
    if (item.why) return;
    this._close(true);
    item.run();
  }

  _items() {
    return /** @type {HTMLElement[]} */ ([...this.querySelectorAll("[role=menuitem]")]);
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    if (!this._open) return;
    const items = this._items();
    const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + items.length, Home: 0, End: items.length - 1 };
    if (event.key === "Escape") this._close(true);
    else if (event.key === "Tab") this._close(false);
    else if (event.key in to) items[to[event.key] % items.length]?.focus();
    else return;
    if (event.key !== "Tab") event.preventDefault();
  }
}
customElements.define("gw-menu", Menu);
