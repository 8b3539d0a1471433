/** One memory area: its sizes and default, who has it how and is attached now, what is in it. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { isSystem, meaning } from "../../core/access.js";
import { pathText } from "../../core/edit_paths.js";
import { bytes } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import "../../parts/form.js";
import { pill } from "../../parts/status.js";
import { accessEditor } from "../guest/access_editor.js";
import { HostPage } from "../guest/pages.js";
import { removeArea, wrongSize } from "./area_changes.js";
import { away, onlyGuests, unread } from "./away.js";
import "./area_dump.js";

const AGAIN_MS = 3000;
const FIELDS = ["size", "kind"];

export class HostArea extends HostPage {
  static properties = { ...HostPage.properties, _live: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {any} the area as the communication services have it */
    this._live = null;
    /** @type {import("../../core/problem.js").Problem | null} */
    this._problem = null;
  }

  get name() {
    return this.params.area;
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, async (signal) => {
      try {
        this._live = await this.services.api.operation(this.host, "area-show", { name: this.name }, signal);
        this._problem = null;
      } catch (error) {
        if (signal.aborted) return;
        this._live = null;
        this._problem = /** @type {any} */ (error);
      }
    });
  }

  /** @returns {import("../../core/access.js").Area | undefined} */
  get area() {
    return this.desired?.areas?.find((/** @type {any} */ one) => one.name === this.name);
  }

  render() {
    const { area } = this;
    if (!this.desired) return this.waiting();
    const { router } = this.services;
    if (!area && onlyGuests(this.draft)) return away("The memory areas are");
    if (!area && !this._live) {
      return empty({ title: `There is no memory area ${this.name} here`, text:
        "It may be new, removed or renamed in the draft.",
        cli: cli(this.services, `guestwire area list ${this.short}`),
        action: html`<a class="button" href=${router.hostHref(this.host, "/areas")}>All memory areas</a>` });
    }
    return html`<div class="stack">
      <nav aria-label="Up"><a href=${router.hostHref(this.host, "/areas")}>All memory areas</a></nav>
      <section class="panel stack" aria-labelledby="gw-host-area"><div class="toolbar"><h2
        id="gw-host-area">${this.name}</h2><span class="fill"></span>
        ${this.editing && area ? html`<button type="button" class="button danger"
          aria-disabled=${isSystem(area) ? "true" : nothing}
          @click=${() => this._remove(area)}>Delete …</button>` : nothing}</div>
        ${area ? this._declared(area) : html`<p
          class="muted">It is not in the configuration that is shown; the host has it.</p>`}
        ${this._now()}</section>
      ${this._live ? html`<gw-area-dump .services=${this.services} .query=${this.query} .host=${this.host}
        .area=${this.name} .size=${this._live.data_size}></gw-area-dump>` : nothing}
    </div>`;
  }

  /** @param {import("../../core/access.js").Area} area */
  async _remove(area) {
    if (await removeArea(this, area)) this.services.router.follow(this.services.router.hostHref(this.host, "/areas"));
  }

  /** @param {import("../../core/access.js").Area} area */
  _declared(area) {
    const schema = this.schemaOf("MemoryArea");
    const { draft } = this;
    const path = (/** @type {string} */ field) => pathText(["area", this.name, field]);
    const changed = (/** @type {string} */ field) => this.config && draft.changed(path(field));
    return html`${schema ? html`<gw-form .schema=${schema} .only=${FIELDS} .value=${area}
      .place=${pathText(["areas", this.name])}
        .read_only=${!this.editing} .changed=${changed} .before=${(/** @type {string} */ field) =>
          draft.before(path(field))}
        .issues=${(/** @type {string} */ field) => (this.config ? draft.issuesAt(path(field)) : [])}
        @edit=${(/** @type {CustomEvent} */ event) => this._edit(event)}></gw-form>` : nothing}
      <div class=${changed("default_access") ? "changed" : ""}><h3>Default access</h3>
        ${this.editing ? accessEditor({ area: { ...area, overrides: { default: area.default_access } }, who: "default",
          read_only: false, fixed: true,
          onMode: (mode) => this.edit({ op: "set", path: path("default_access"), value: mode }) })
          : html`<p><span class="mono">${area.default_access}</span> <span
            class="muted">${meaning(area.default_access)}</span></p>`}</div>`;
  }

  /** @param {CustomEvent<import("../../parts/form.js").FormEdit>} event */
  _edit(event) {
    const { path, value } = event.detail;
    const wrong = path === "size" ? wrongSize(value) : "";
    if (wrong) this.services.say.info(wrong);
    else this.edit({ ...event.detail, path: pathText(["area", this.name, path]) });
  }

  _now() {
    const now = this._live;
    if (!now) return unread(this._problem);
    return html`<dl class="kv"><dt>Data</dt><dd>${bytes(now.data_size)} <span
      class="muted">in front of queues and locks</span></dd>
        <dt>Region behind it</dt><dd>${bytes(now.backing_size)}</dd>
        <dt>Queues</dt><dd>${now.queues.join(", ") || "-"}</dd><dt>Locks</dt>
          <dd>${now.locks.join(", ") || "-"}</dd></dl>
      <table class="table"><caption>Who has it now</caption><thead><tr><th scope="col">Who</th><th
        scope="col">Access</th><th scope="col">Attached</th></tr></thead>
        <tbody>${now.access.map((/** @type {any} */ one) => html`<tr><th scope="row">${one.name}</th>
          <td><span class="mono">${one.access}</span> <span class="muted">${meaning(one.access)}</span></td>
          <td>${one.attached ? pill("ok", "●", "attached") :
            pill("off", "○", "not attached")}</td></tr>`)}</tbody></table>
      ${cli(this.services, line`guestwire area show ${this.short}/${this.name}`)}`;
  }
}

customElements.define("gw-host-area", HostArea);
