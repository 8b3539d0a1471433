/** What this is: versions of the controller, of its API and of the hosts' agents, and whose work is in the pages. */

import { html } from "lit";
import { counted } from "../../core/format.js";
import { Part } from "../../parts/part.js";
import { Loading } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {{name: string, version: string, license: string, files: {path: string}[]}} Package */

export class About extends Part {
  constructor() {
    super();
    this.follow("host");
    /** @type {Loading<{version: string, openapi: string, title: string}>} */
    this.api_document = new Loading(this, async (signal) => {
      const { info, openapi } = await this.services.api.get("/openapi.json", {}, signal);
      return { version: info.version, title: info.title, openapi };
    });
    /** @type {Loading<{packages: Package[]}>} */
    this.manifest = new Loading(this, async (signal) => {
      const response = await fetch(`${this.services.base}vendor/manifest.json`, { signal });
      if (!response.ok) throw new Error("The list of packages could not be read.");
      return response.json();
    });
  }

  render() {
    const { api, base, live } = this.services;
    const about = this.api_document.document;
    /** @type {Map<string, number>} */
    const agents = new Map();
    for (const host of live.map("host").values()) {
      if (host.agent_version) agents.set(host.agent_version, (agents.get(host.agent_version) ?? 0) + 1);
    }
    return html`<div class="stack"><h1>About</h1>
      <p>Guestwire manages Linux/KVM real-time hypervisor hosts and their guests from afar.</p>
      ${trouble(this.api_document.error, () => void this.api_document.again())}
      <dl class="kv">
        <dt>API</dt><dd>${about ? `${about.title} ${about.version}, OpenAPI ${about.openapi}` : "…"}
          <a href=${api.address("/openapi.json")} download="openapi.json">Download the OpenAPI document</a></dd>
        <dt>Agents</dt><dd>${[...agents].map(([version, count]) => `${version} on ${counted(count, "host")}`).join(", ")
          || "none heard of"}</dd>
        <dt>Build</dt><dd class="mono">${base.split("/").filter(Boolean).at(-1)}</dd>
        <dt>Browser</dt><dd class="gw-said">${navigator.userAgent}</dd>
      </dl>
      <h2>Work of others in these pages</h2>
      ${trouble(this.manifest.error, () => void this.manifest.again())}
      <table class="table">
        <caption class="sr">Packages and their licences</caption>
        <thead><tr><th scope="col">Package</th><th scope="col">Version</th><th scope="col">Licence</th></tr></thead>
        <tbody>${(this.manifest.document?.packages ?? []).map((one) => {
          const text = one.files.find((file) => /(^|\/)LICEN[CS]E/i.test(file.path));
          return html`<tr><th scope="row">${one.name}</th><td>${one.version}</td>
            <td>${text ? html`<a href="${base}vendor/${text.path}" target="_blank" rel="noopener">${one.license}<span
              class="sr"> of ${one.name}</span></a>` : one.license}</td></tr>`;
        })}</tbody>
      </table></div>`;
  }
}

customElements.define("gw-about", About);
