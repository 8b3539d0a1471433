/**
 * The memory areas of a host and who has them how: a row for each area, a column for each guest, the host and the
 * cloud.
 */

import { html, nothing } from "lit";
import { effective, hasComm, isSystem, meaning, backingOf, OTHERS } from "../../core/access.js";
import { pathText } from "../../core/edit_paths.js";
import { bytes } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { issueLines } from "../../parts/issue_lines.js";
import { HostPage } from "../guest/pages.js";
import "./access_choice.js";
import { newArea, removeArea } from "./area_changes.js";
import { away, onlyGuests } from "./away.js";

/** @typedef {import("../../core/access.js").Area} Area */

/** Where an arrow leads: rows, columns. @type {Record<string, [number, number]>} */
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class HostAreas extends HostPage {
  render() {
    if (!this.desired) return this.waiting();
    if (onlyGuests(this.draft)) return away("The memory areas are");
    /** @type {Area[]} */
    const areas = this.desired.areas ?? [];
    return html`<section class="panel stack" aria-labelledby="gw-host-areas">
      <div class="toolbar"><h2 id="gw-host-areas">Memory areas</h2><span class="fill"></span>
        ${this.editing ? html`<button type="button" class="button primary"
          @click=${() => newArea(this)}>New area …</button>` : nothing}</div>
      ${areas.length ? this._matrix(areas) : empty({
        title: "No memory areas", text: this.editing ?
          "An area is memory that guests share by name; make the first one."
          : "An area is memory that guests share by name. Areas are made in Config mode.",
        cli: cli(this.services, `guestwire area create ${this.short}/recipes --size 64K`),
      })}
      ${areas.length ? this._legend() : nothing}</section>`;
  }

  /** Who has access of their own: guests with communication, the host, the cloud. @returns {string[]} */
  get _who() {
    return [...this.desired.guests.filter(hasComm).map((/** @type {any} */ one) => one.name), ...OTHERS];
  }

  _legend() {
    return html`<p class="muted"><span class="mono">R</span> read, <span class="mono">W</span> write, <span
      class="mono">C</span> cached (advisory);
      <span class="mono">----</span> is no access: the area is not plugged in. An override is underlined. HOST is the
        processes on the host, REMOTE the cloud.
      ${this.editing ? "Arrow keys move between cells, Enter changes one." : "Access is edited in Config mode."}</p>`;
  }

  /** @param {Area[]} areas */
  _matrix(areas) {
    const who = this._who;
    return html`<div class="wide-table" role="region" aria-label="Access matrix" tabindex="0"><table
      class="table access-matrix" @keydown=${this._key}>
      <caption class="sr">Memory areas and the access of every guest</caption>
      <thead><tr><th scope="col">Area</th><th scope="col" class="end">Size</th><th scope="col"
        class="end">Behind it</th><th scope="col">Default</th>
        ${who.map((one) => html`<th scope="col">${one}</th>`)}${this.editing ? html`<th scope="col"><span
          class="sr">Actions</span></th>` : nothing}</tr></thead>
      <tbody>${areas.map((area, row) => this._row(area, row, who))}</tbody></table></div>`;
  }

  /**
   * @param {Area} area
   * @param {number} row
   * @param {string[]} who
   */
  _row(area, row, who) {
    const path = pathText(["area", area.name]);
    const isNew = this.config && !this.draft.partial && this.draft.before(path) === undefined;
    const issues = this.config ? this.draft.issuesAt(path) : [];
    return html`<tr class=${isNew ? "added" : ""} data-path=${pathText(["areas", area.name])}>
      <th scope="row"><a href=${this.services.router.hostHref(this.host,
        `/areas/${encodeURIComponent(area.name)}`)}>${area.name}</a>
        ${isSystem(area) ? html`<span class="chip">system</span>` : nothing}
        ${issueLines(issues)}</th>
      <td class="end num ${this._tint(path, "size")}">${bytes(area.size)}</td><td
        class="end num">${bytes(backingOf(area.size))}</td>
      ${this._cell(area, null, row, 0)}${who.map((one, at) => this._cell(area, one, row, at + 1))}
      ${this.editing ? html`<td><button type="button" class="button quiet"
        aria-disabled=${isSystem(area) ? "true" : nothing}
        aria-label=${`Delete ${area.name}`} title=${isSystem(area) ?
          "The system area is protected: queues and locks live in it." : nothing}
        @click=${() => removeArea(this, area)}>Delete</button></td>` : nothing}</tr>`;
  }

  /**
   * @param {string} path
   * @param {string} field
   */
  _tint(path, field) {
    return this.config && this.draft.before(path) !== undefined && this.draft.changed(`${path}.${field}`) ? "changed" :
      "";
  }

  /**
   * The access of one of those who have it, or the default.
   * @param {Area} area
   * @param {string | null} who null: the default
   * @param {number} row
   * @param {number} column
   */
  _cell(area, who, row, column) {
    const mode = who === null ? area.default_access : effective(area, who);
    const own = who !== null && Object.hasOwn(area.overrides ?? {}, who);
    const before = /** @type {Area | undefined} */ (this.draft.before(pathText(["area", area.name])));
    const changed = this.config && before && mode !== (who === null ? before.default_access : effective(before, who));
    const text = html`<span class="mono ${own ? "own-access" : ""}">${mode}</span>`;
    if (!this.editing) return html`<td class=${changed ? "changed" : ""}
      title=${meaning(mode)}>${text}${own ? html`<span class="sr"> override</span>` : nothing}</td>`;
    return html`<td class=${changed ? "changed" : ""}><button type="button" class="access-cell" data-row=${row}
      data-column=${column}
      aria-label=${`${area.name}, ${who ?? "default"}: ${mode}, ${meaning(mode)}${own ? ", override" : ""}`}
      @click=${() => this._change(area.name, who)}>${text}</button></td>`;
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const step = ARROWS[event.key];
    const at = event.target instanceof HTMLElement ? event.target.closest(".access-cell") : null;
    if (!step || !(at instanceof HTMLElement)) return;
    event.preventDefault();
    const [row, column] = [Number(at.dataset.row) + step[0], Number(at.dataset.column) + step[1]];
    const to = this.querySelector(`.access-cell[data-row="${row}"][data-column="${column}"]`);
    if (to instanceof HTMLElement) to.focus();
  }

  /**
   * @param {string} name of the area
   * @param {string | null} who
   */
  async _change(name, who) {
    await this.services.dialogs.open((close) => html`<form
      @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(); }}>
      <div class="dialog-body stack"><gw-access-choice .services=${this.services} .host=${this.host} .area=${name}
        .who=${who ?? ""}></gw-access-choice></div>
      <footer><button class="button primary">Done</button></footer></form>`,
        { title: `Access to ${name}${who === null ? "" : `: ${who}`}` });
  }
}

customElements.define("gw-host-areas", HostAreas);
