/** A guest's domain XML, as libvirt keeps it: text. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";

export class GuestDomainXml extends Part {
  static properties = { ...Part.properties, host: {}, guest: {}, _open: { state: true }, _xml: { state: true },
    _problem: { state: true } };

  constructor() {
    super();
    this.host = "";
    this.guest = "";
    this._open = false;
    this._xml = "";
    this._problem = "";
  }

  async _read() {
    try {
      this._xml = (await this.services.api.operation(this.host, "guest-xml", { guest: this.guest })).xml;
      this._problem = "";
    } catch (error) {
      this._problem = /** @type {Error} */ (error).message;
    }
  }

  async _copy() {
    try {
      await navigator.clipboard.writeText(this._xml);
      this.services.say.done("Copied.");
    } catch {
      this.services.say.info("The browser does not let this page copy: select the text.");
    }
  }

  render() {
    return html`<details class="panel" @toggle=${(/** @type {Event} */ event) => {
      this._open = /** @type {HTMLDetailsElement} */ (event.currentTarget).open;
      if (this._open) void this._read();
    }}><summary>Domain XML</summary>${this._open ? this._content() : nothing}</details>`;
  }

  _content() {
    if (this._problem) return html`<p class="muted">${this._problem}</p>`;
    if (!this._xml) return html`<p class="muted" role="status">Reading …</p>`;
    return html`<div class="stack"><div class="toolbar"><button type="button" class="button"
      @click=${this._copy}>Copy</button>
        <button type="button" class="button" @click=${this._read}>Read again</button></div>
      <pre class="guest-xml mono" tabindex="0" role="region" aria-label="Domain XML">${this._xml}</pre></div>`;
  }
}

customElements.define("gw-guest-domain-xml", GuestDomainXml);
