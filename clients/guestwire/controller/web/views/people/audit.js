/** The audit log of the controller, or of one host (?host=site/host): who did what, and what came of it. */

import { html } from "lit";
import { selectField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import "./controller_audit.js";
import "./host_audit.js";

/** What is no name of a host is not asked about. */
const HOST = /^[a-z0-9-]{1,36}\/[a-z0-9-]{1,36}$/;

export class Audit extends Part {
  constructor() {
    super();
    this.follow("host");
  }

  render() {
    const { live, router } = this.services;
    const host = HOST.exec(this.query.get("host") ?? "")?.[0] ?? "";
    const hosts = [...live.map("host").keys()].sort();
    if (host && !hosts.includes(host)) hosts.push(host);
    return html`<section class="gw-audit stack">
      <h1>Audit log</h1>
      <div class="toolbar gw-filters">
        ${selectField({ id: "gw-audit-whose", label: "Log of", value: host,
          options: [["", "the controller"], ...hosts.map((one) => /** @type {[string, string]} */ ([one,
            `host ${one}`]))],
          onChange: (value) => router.set({ host: value || null, person: null, action: null, target: null,
            operation: null, principal: null,
            code: null, log: null }) })}
      </div>
      ${host ? html`<gw-host-audit .services=${this.services} .query=${this.query} .host=${host}></gw-host-audit>`
        : html`<gw-controller-audit .services=${this.services} .query=${this.query}></gw-controller-audit>`}
    </section>`;
  }
}

customElements.define("gw-audit", Audit);
