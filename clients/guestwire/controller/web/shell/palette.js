/** Search, or run a command: pages, hosts, guests, and what can be done to the host or guest one is at. Ctrl-K. */

import { html, nothing } from "lit";
import { Part } from "../parts/part.js";
import { entries, found } from "./palette_entries.js";

/** @typedef {import("./palette_entries.js").Entry} Entry */

export class Palette extends Part {
  static properties = { ...Part.properties, _open: { state: true }, _text: { state: true }, _at: { state: true } };

  constructor() {
    super();
    this._open = false;
    this._text = "";
    this._at = 0;
    this.follow("host");
  }

  connectedCallback() {
    super.connectedCallback();
    const open = () => this._show();
    const key = (/** @type {KeyboardEvent} */ event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        this._show();
      }
    };
    document.addEventListener("gw-palette", open);
    document.addEventListener("keydown", key);
    this.until(() => {
      document.removeEventListener("gw-palette", open);
      document.removeEventListener("keydown", key);
    });
  }

  async _show() {
    if (this._open || document.querySelector("dialog[open]")) return;
    this._text = "";
    this._at = 0;
    this._open = true;
    await this.updateComplete;
    this.querySelector("dialog")?.showModal();
    this.querySelector("input")?.focus();
  }

  render() {
    if (!this._open) return nothing;
    const list = found(entries(this.services), this._text);
    const at = Math.min(this._at, list.length - 1);
    return html`<dialog class="palette" aria-label="Search or run a command" @close=${() => { this._open = false; }}
        @click=${(/** @type {Event} */ event) => event.target === event.currentTarget && this._close()}>
      <input role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" aria-label="Search or run a command"
        aria-activedescendant=${list.length ? `palette-${at}` : nothing} placeholder="Host, guest, page or command" autocomplete="off" .value=${this._text}
        @input=${(/** @type {any} */ event) => { this._text = event.target.value; this._at = 0; }} @keydown=${(/** @type {KeyboardEvent} */ event) => this._key(event, list, at)}>
      <div id="palette-list" role="listbox" aria-label="Found">${list.map((entry, index) => html`
        <div role="option" id="palette-${index}" aria-selected=${index === at} aria-disabled=${entry.why ? "true" : nothing} @click=${() => this._run(entry)}>
          <span>${entry.label}</span><span class="muted">${entry.why || entry.kind}</span></div>`)}</div>
      <p class="sr" role="status">${list.length ? `${list.length} found` : ""}</p>
      ${list.length ? nothing : html`<p class="muted nothing">Nothing has these words.</p>`}
    </dialog>`;
  }

  /** @param {KeyboardEvent} event @param {Entry[]} list @param {number} at */
  async _key(event, list, at) {
    /** @type {Record<string, number>} */
    const to = { ArrowDown: Math.min(list.length - 1, at + 1), ArrowUp: Math.max(0, at - 1) };
    if (event.key === "Enter" && list[at]) this._run(list[at]);
    else if (event.key in to) this._at = to[event.key];
    else return;
    event.preventDefault();
    await this.updateComplete;
    this.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }

  _close() {
    this.querySelector("dialog")?.close();
  }

  /** @param {Entry} entry */
  _run(entry) {
    if (entry.why) return;
    this._close();
    entry.run();
  }
}
customElements.define("gw-palette", Palette);
