/** The tree at the left: sites, hosts, and what a host has. Arrow keys as in every tree; a filter; open places are remembered. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Part } from "../parts/part.js";
import { glyph } from "../parts/status.js";
import { ROW, branches, opened, rows } from "./tree_rows.js";

/** @typedef {import("./tree_rows.js").TreeRow} TreeRow */

const MARGIN = 10;

export class Navigator extends Part {
  static properties = { ...Part.properties, _filter: { state: true }, _active: { state: true }, _from: { state: true } };

  constructor() {
    super();
    this._filter = "";
    /** The row that the keyboard is at. */
    this._active = "";
    this._from = 0;
    this._height = 900;
    /** @type {Set<string>} what is open, beside what the address opens */
    this._open = new Set();
    /** @type {Set<string>} */
    this._watched = new Set();
    this.follow("host", "draft");
  }

  connectedCallback() {
    super.connectedCallback();
    const { prefs, router } = this.services;
    this._open = new Set(prefs.get("open", []));
    this.watch(router);
    // not read while it is shown: that would have the whole page laid out in between
    const sizes = new ResizeObserver(([entry]) => { this._height = entry.contentRect.height; });
    sizes.observe(this);
    this.until(() => sizes.disconnect());
    const slash = (/** @type {KeyboardEvent} */ event) => {
      const at = /** @type {HTMLElement} */ (event.target);
      if (event.key !== "/" || /INPUT|TEXTAREA|SELECT/.test(at.tagName) || at.isContentEditable || document.querySelector("dialog[open]")) return;
      event.preventDefault();
      /** @type {HTMLElement | null} */ (this.querySelector("input"))?.focus();
    };
    document.addEventListener("keydown", slash);
    this.until(() => document.removeEventListener("keydown", slash));
  }

  /** What is known of a host whose branch is open. @param {string} host */
  _data(host) {
    const data = this.services.hosts.of(host);
    const draft = this.services.drafts.of(host);
    if (!this._watched.has(host)) {
      this._watched.add(host);
      const later = () => this.soon();
      for (const target of [data, draft]) {
        target.addEventListener("change", later);
        this.until(() => target.removeEventListener("change", later));
      }
    }
    return { data, draft };
  }

  /** @returns {TreeRow[]} */
  _rows() {
    const { live, router } = this.services;
    const open = opened(this._open, router);
    return rows({
      hosts: [...live.map("host").values()], drafts: live.map("draft"), filter: this._filter, open,
      branch: (host) => branches(host, this._data(host), router.mode === "config"),
    });
  }

  render() {
    const all = this._rows();
    const current = this._current(all);
    const active = all.some((row) => row.id === this._active) ? this._active : current ?? all[0]?.id ?? "";
    const from = Math.min(this._from, Math.max(0, all.length - 1));
    const to = from + Math.ceil(this._height / ROW) + 2 * MARGIN;
    const seen = all.slice(from, to);
    // the row of the keyboard stays on the page wherever one has scrolled to
    const apart = active && !seen.some((row) => row.id === active) ? all.filter((row) => row.id === active) : [];
    return html`<nav class="navigator" aria-label="Hosts">
      <label class="sr" for="nav-filter">Filter hosts</label>
      <input id="nav-filter" type="search" placeholder="Filter  (/)" autocomplete="off" .value=${this._filter}
        @input=${(/** @type {any} */ event) => { this._filter = event.target.value; this._from = 0; }}>
      ${all.length ? html`<div class="tree-scroll" tabindex="-1" @scroll=${this._scrolled}><ul class="tree" role="tree"
          aria-label="Sites and hosts" style="height:${all.length * ROW}px" @keydown=${(/** @type {KeyboardEvent} */ event) => this._key(event, all, active)}>
        ${repeat([...apart, ...seen], (row) => row.id, (row) => this._row(row, all.indexOf(row), row.id === current, row.id === active))}</ul></div>`
        : html`<p class="muted nothing">${this._filter ? "No host has that in its name."
          : html`No host yet. <a href=${this.services.router.href("/welcome")}>First steps</a>`}</p>`}
    </nav>`;
  }

  /** @param {TreeRow[]} all */
  _current(all) {
    const { router } = this.services;
    let found;
    for (const row of all) {
      if (row.path === router.path || (row.path !== "/" && row.path && router.path.startsWith(`${row.path}/`))) {
        if (!found || row.path.length > found.path.length) found = row;
      }
    }
    return found?.id;
  }

  /**
   * @param {TreeRow} row @param {number} at @param {boolean} current @param {boolean} active
   */
  _row(row, at, current, active) {
    const { router } = this.services;
    return html`<li role="treeitem" id="tree-${row.id.replace(/[^A-Za-z0-9_-]/g, "-")}" style="top:${at * ROW}px"
        aria-level=${row.level} aria-expanded=${row.open === null ? nothing : row.open}
        aria-selected=${current} aria-setsize=${row.size} aria-posinset=${row.place} tabindex=${active ? 0 : -1} data-row=${row.id} class=${row.dirty ? "dirty" : ""}
        aria-label="${row.label} ${row.note}${row.state && row.state !== row.note ? `, ${row.state}` : ""}${row.dirty ? ", changed, not synced" : ""}"
        @click=${(/** @type {Event} */ event) => this._click(event, row)}>
      <span class="indent" style="width:${(row.level - 1) * 14}px"></span>
      <span class="twist" data-twist aria-hidden="true">${row.open === null ? "" : row.open ? "▾" : "▸"}</span>
      ${row.glyph ? glyph(row.glyph, row.state) : nothing}
      <a href=${router.href(row.path)} tabindex="-1" aria-hidden="true">${row.label}</a>
      <span class="note" aria-hidden="true">${row.dirty ? "✎ " : ""}${row.note}</span></li>`;
  }

  /** @param {Event} event @param {TreeRow} row */
  _click(event, row) {
    this._active = row.id;
    if (/** @type {Element} */ (event.target).closest("[data-twist]") && row.open !== null) {
      this._turn(row);
      return;
    }
    if (!(/** @type {Element} */ (event.target).closest("a"))) this.services.router.follow(this.services.router.href(row.path));
    if (row.open === false) this._turn(row);
  }

  /** @param {TreeRow} row */
  _turn(row) {
    if (row.open) {
      this._open.delete(row.id);
      this._open.add(`-${row.id}`);
    } else {
      this._open.add(row.id);
      this._open.delete(`-${row.id}`);
    }
    this.services.prefs.set("open", [...this._open].slice(-200));
    this.requestUpdate();
  }

  /** @param {KeyboardEvent} event @param {TreeRow[]} all @param {string} active */
  _key(event, all, active) {
    const at = all.findIndex((row) => row.id === active);
    const row = all[at];
    if (!row || event.ctrlKey || event.metaKey || event.altKey) return;
    const parent = () => all.slice(0, at).findLastIndex((one) => one.level < row.level);
    /** @type {Record<string, () => number | void>} */
    const keys = {
      ArrowDown: () => Math.min(all.length - 1, at + 1), ArrowUp: () => Math.max(0, at - 1), Home: () => 0, End: () => all.length - 1,
      ArrowRight: () => (row.open === false ? this._turn(row) : row.open ? at + 1 : undefined),
      ArrowLeft: () => (row.open ? this._turn(row) : Math.max(0, parent())),
      Enter: () => this.services.router.follow(this.services.router.href(row.path)), " ": () => (row.open === null ? undefined : this._turn(row)),
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    const to = act();
    if (typeof to === "number") this._focus(all[to], to);
  }

  /** @param {TreeRow} row @param {number} at */
  async _focus(row, at) {
    this._active = row.id;
    const scroller = /** @type {HTMLElement} */ (this.querySelector(".tree-scroll"));
    if (at * ROW < scroller.scrollTop) scroller.scrollTop = at * ROW;
    else if ((at + 1) * ROW > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = (at + 1) * ROW - scroller.clientHeight;
    await this.updateComplete;
    /** @type {HTMLElement | null} */ (this.querySelector(`[data-row="${CSS.escape(row.id)}"]`))?.focus({ preventScroll: true });
  }

  /** @param {Event} event */
  _scrolled(event) {
    const first = Math.max(0, Math.floor(/** @type {HTMLElement} */ (event.target).scrollTop / ROW) - MARGIN);
    if (Math.abs(first - this._from) > MARGIN / 2 || !first !== !this._from) this._from = first;
  }
}
customElements.define("gw-navigator", Navigator);
