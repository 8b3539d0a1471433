/**
 * A guest: how it is, what can be done to it, everything it is configured with, its snapshots, threads and domain XML.
 */

import { html, nothing } from "lit";
import { fieldsOf } from "../../core/schema.js";
import { shown } from "../../core/schema_values.js";
import { ago, time } from "../../core/format.js";
import { same } from "../../core/edit_paths.js";
import { guestStatus } from "../../parts/status.js";
import { cli } from "../../parts/cli.js";
import "../../parts/property_grid.js";
import { adjusted, GuestPage } from "./pages.js";
import { GROUPS, IDENTIFIERS, KINDS } from "./properties.js";
import { actions } from "./actions.js";
import { changes } from "./changes.js";
import "./snapshots.js";
import "./threads.js";
import "./domain_xml.js";

/** How the host has learnt a state. @type {Record<string, string>} */
const SOURCES = { event: "told by the hypervisor", poll: "asked for" };

export class GuestOverview extends GuestPage {
  connectedCallback() {
    super.connectedCallback();
    this.every(5000, () => this.requestUpdate());
  }

  render() {
    const { guest, status } = this;
    if (!guest && !(status && !this.config)) return this.missing();
    return html`<div class="stack guest-page">
      ${this._state()}
      ${guest && this.root ? this._grid(guest) : nothing}
      ${status ? html`
        <gw-guest-snapshots .services=${this.services} .host=${this.host} .guest=${this.name}
          .state=${status.state}></gw-guest-snapshots>
        <gw-guest-threads .services=${this.services} .host=${this.host} .guest=${this.name}
          .state=${status.state}></gw-guest-threads>
        <gw-guest-domain-xml .services=${this.services} .host=${this.host}
          .guest=${this.name}></gw-guest-domain-xml>` : nothing}
    </div>`;
  }

  _state() {
    const { status, guest, services } = this;
    const ctx = { host: this.host, guest: this.name };
    return html`<section class="panel stack" aria-labelledby="gw-guest-overview-state">
      <h2 id="gw-guest-overview-state">State</h2>
      <dl class="kv">
        <dt>State</dt><dd>${status ? html`${guestStatus(status.state)}
          <span class="muted">as of <time title=${time(status.as_of)}>${ago(status.as_of, Date.now())}</time>${
            SOURCES[status.source] ? `, ${SOURCES[status.source]}` : ""}${status.reason ? `: ${status.reason}` :
              ""}</span>`
          : "not on the host yet: it is there after Sync"}</dd>
        <dt>Kind</dt><dd>${KINDS[guest?.kind ?? status?.kind ?? ""] ?? "-"}</dd>
        ${IDENTIFIERS.map((one) => html`<dt>${one.label}</dt><dd class="mono">${
          guest?.[one.name] ?? /** @type {any} */ (status)?.[one.name] ?? "-"}</dd>`)}
      </dl>
      ${status ? actions(services, ctx) : nothing}
      ${this.editing && guest ? changes(this) : nothing}
      <p class="muted">A viewer of the guest's screen in the browser is coming. On the host's own screen, guests whose
        autostart is console:</p>
      ${cli(services, `guestwire desktop ${this.short}`)}
    </section>`;
  }

  /** @param {any} guest */
  _grid(guest) {
    const tools = this.formTools;
    return html`<section class="panel stack" aria-labelledby="gw-guest-overview-grid">
      <h2 id="gw-guest-overview-grid">Properties</h2>
      <gw-property-grid .schema=${this.schemaOf("Guest")} .groups=${GROUPS} .value=${guest} .place=${this.place}
        .read_only=${!this.editing} .changed=${tools.changed}
        .before=${tools.before} .issues=${tools.issues} .offers=${tools.offers} .adjust=${adjusted}
        .beside=${(/** @type {string} */ field) => this._running(field, guest)}
          @edit=${this.takeEdit}></gw-property-grid>
    </section>`;
  }

  /**
   * What the hypervisor has where it is not what is configured.
   * @param {string} name
   * @param {any} guest
   */
  _running(name, guest) {
    if (this.config) return "";
    const seen = this.data.inventory?.guests?.find((/** @type {any} */ one) => one.guest.name === this.name)?.guest;
    if (!seen || !(name in seen) || same(seen[name], guest[name])) return "";
    const field = fieldsOf(this.schemaOf("Guest") ?? {}).find((one) => one.name === name);
    return field ? `The hypervisor has ${shown(field, seen[name])}` : "";
  }
}

customElements.define("gw-guest-overview", GuestOverview);
