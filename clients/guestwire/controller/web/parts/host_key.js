/**
 * The key by which a site knows a host, read where it is shown: who lets the host in compares it with what the host itself
 * said.
 */

import { html } from "lit";
import { Part } from "./part.js";

/** The trust document of a site may come after its hosts, and has another key once a host was enrolled anew. */
const AGAIN_MS = 5000;

export class HostKey extends Part {
  static properties = { ...Part.properties, host: {}, _key: { state: true } };

  constructor() {
    super();
    /** "site/host" */
    this.host = "";
    /** @type {string | null} */
    this._key = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, () => this._read());
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.get("host")) return;
    this._key = null; // it shows another host now
    void this._read().catch(() => null);
  }

  async _read() {
    const { host } = this;
    if (!host) return;
    const { key_id } = await this.services.api.get(`/hosts/${host}`);
    if (host === this.host) this._key = key_id;
  }

  render() {
    return this._key ? html`<span class="mono">${this._key}</span>` : html`<span class="muted">not known</span>`;
  }
}
customElements.define("gw-host-key", HostKey);
