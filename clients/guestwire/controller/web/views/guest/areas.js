/**
 * The memory areas of the host as one guest has them: which it can read and write, and in Config mode its own access
 * to each.
 */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { pathText } from "../../core/edit_paths.js";
import { effective, hasComm, meaning } from "../../core/access.js";
import { bytes } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { issueLines } from "../../parts/issue_lines.js";
import { accessEditor } from "./access_editor.js";
import { away, onlyGuests } from "../host/away.js";
import { GuestPage } from "./pages.js";

const AGAIN_MS = 5000;

export class GuestAreas extends GuestPage {
  static properties = { ...GuestPage.properties, _live: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {any[] | null} the areas as the communication services have them; null: not known */
    this._live = null;
    this._problem = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, async (signal) => {
      try {
        this._live = (await this.services.api.operation(this.host, "area-list", {}, signal)).areas;
        this._problem = "";
      } catch (error) {
        if (signal.aborted) return;
        this._live = null;
        this._problem = /** @type {Error} */ (error).message;
      }
    });
  }

  render() {
    const { guest } = this;
    if (!guest) return this.missing();
    const { areas } = this.desired;
    if (!hasComm(guest)) return this._without(guest);
    if (onlyGuests(this.draft)) return away("The memory areas are");
    if (!areas.length) {
      return empty({
        title: "The host has no memory areas", text: "An area is memory that guests share by name.",
        cli: cli(this.services, `guestwire area create ${this.short}/recipes --size 64K`),
        action: html`<a class="button"
          href=${this.services.router.hostHref(this.host, "/areas")}>Memory areas of the host</a>`,
      });
    }
    return html`<section class="panel stack guest-page" aria-labelledby="gw-guest-areas">
      <h2 id="gw-guest-areas">Access to memory areas</h2>
      <div class="wide-table" role="region" aria-label="Memory areas" tabindex="0"><table
        class="table"><caption class="sr">Memory areas and the access that ${this.name} has</caption>
        <thead><tr><th scope="col">Area</th><th scope="col" class="end">Size</th><th scope="col">Effective access</th>
          <th scope="col">Given by</th>
          <th scope="col" class="live wider">Now</th>
          ${this.editing ? html`<th scope="col">Override</th>` : nothing}</tr></thead>
        <tbody>${areas.map((/** @type {any} */ area) => this._row(area))}</tbody></table></div>
      ${this._problem ? html`<p class="muted">How they are now is not known: ${this._problem}</p>` : nothing}
      ${this.editing ? nothing : html`<p class="muted">Access is edited in Config mode.</p>`}</section>`;
  }

  /** @param {any} guest */
  _without(guest) {
    return empty({
      title: "This guest has no communication",
      text: guest.kind === "gp"
        ? "A general purpose guest has areas and events only as kind gp_comm."
        : "Communication is switched off for it: see Communication in its properties.",
      cli: cli(this.services, line`guestwire guest set ${this.short}/${this.name} kind=gp_comm`),
    });
  }

  /** @param {any} area */
  _row(area) {
    const { router } = this.services;
    const mode = effective(area, this.name);
    const place = pathText(["area", area.name, "overrides", this.name]);
    const changed = this.config && (this.draft.changed(place) ||
      this.draft.changed(pathText(["area", area.name, "default_access"])));
    const now = this._live?.find((one) => one.name === area.name)?.access.find((/** @type {any} */ one) =>
      one.name === this.name);
    return html`<tr class=${changed ? "changed" : ""}>
      <th scope="row"><a href=${router.hostHref(this.host,
        `/areas/${encodeURIComponent(area.name)}`)}>${area.name}</a></th>
      <td class="end num">${bytes(area.size)}</td>
      <td><span class="mono">${mode}</span> <span
        class="muted">${meaning(mode)}</span>${this.config ? this._issues(area.name) : nothing}</td>
      <td>${Object.hasOwn(area.overrides ?? {}, this.name) ? "its own override" : "the area's default"}</td>
      <td class="live wider">${now ? html`<span
        class="mono">${now.access}</span> ${now.attached ? "attached" : "not attached"}` : html`<span
        class="muted">${this._live ? "not there" : "not known"}</span>`}</td>
      ${this.editing ? html`<td>${accessEditor({ area, who: this.name, read_only: false, onMode: (given) => this.edit(
        given === null ? { op: "default", path: place } : { op: "set", path: place, value: given }) })}</td>` :
          nothing}</tr>`;
  }

  /** @param {string} area */
  _issues(area) {
    const mine = this.draft.issuesAt(pathText(["area", area])).filter((one) => one.path.includes(this.name) ||
      one.related?.some((each) => each.includes(this.name)));
    return issueLines(mine);
  }
}

customElements.define("gw-guest-areas", GuestAreas);
