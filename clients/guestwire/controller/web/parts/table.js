/**
 * A table of many rows: sorted by a column (which the address says), rows that can be chosen, and above a number of rows only those that
 * are seen are there.
 */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Part } from "./part.js";

const ALL_BELOW = 60;
const ROW = 33;
const MARGIN = 12;

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {(row: any) => any} value what it is sorted by, and what is shown without `cell`
 * @property {(row: any) => unknown} [cell]
 * @property {boolean} [end] numbers, at the right
 * @property {string} [width]
 * @property {boolean} [fixed] it cannot be sorted by
 */

export class Table extends Part {
  static properties = {
    ...Part.properties, columns: { attribute: false }, rows: { attribute: false }, key: { attribute: false }, sort: {}, sort_name: {},
    selected: { attribute: false }, caption: {}, empty: { attribute: false }, row_href: { attribute: false }, row_class: { attribute: false },
    _from: { state: true },
  };

  constructor() {
    super();
    /** @type {Column[]} */
    this.columns = [];
    /** @type {readonly any[]} */
    this.rows = [];
    /** @type {(row: any) => string} */
    this.key = (row) => row.id ?? row.name;
    /** The column and direction without one in the address: "name", "-at". */
    this.sort = "";
    /** Which word of the address has the sorting; a page with several tables gives each its own. */
    this.sort_name = "sort";
    /** @type {Set<string> | null} null: rows cannot be chosen */
    this.selected = null;
    this.caption = "";
    /** @type {unknown} */
    this.empty = nothing;
    /** @type {((row: any) => string) | null} */
    this.row_href = null;
    /** @type {((row: any) => string) | null} */
    this.row_class = null;
    this._from = 0;
    /** @type {HTMLElement | null} */
    this._scroller = null;
    /** @type {{rows: readonly any[], columns: Column[], sorting: string, sorted: readonly any[]} | null} */
    this._kept = null;
    this._height = window.innerHeight;
    this._waits = 0;
    this._scrolled = () => this._later();
    // its size is told, and not asked for while rows are shown: that would have the whole page laid out in between
    this._sizes = new ResizeObserver((entries) => {
      this._height = entries[0].contentRect.height;
      this._later();
    });
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._scroller?.removeEventListener("scroll", this._scrolled);
    this._scroller = null;
    this._sizes.disconnect();
    cancelAnimationFrame(this._waits);
    this._waits = 0;
  }

  updated() {
    if (this._scroller || this.rows.length <= ALL_BELOW) return;
    this._scroller = /** @type {HTMLElement | null} */ (this.closest(".scrolls"));
    this._scroller?.addEventListener("scroll", this._scrolled, { passive: true });
    if (this._scroller) this._sizes.observe(this._scroller);
  }

  /** Once before the next frame, when the page is laid out anyway. */
  _later() {
    this._waits ||= requestAnimationFrame(() => {
      this._waits = 0;
      this._look();
    });
  }

  /** @returns {string} */
  get _sorting() {
    return this.services.router.query.get(this.sort_name) ?? this.sort;
  }

  /** The rows in their order; sorted anew only when they, the columns or the sorting are others: a scroll changes none of them. */
  _sorted() {
    const sorting = this._sorting;
    const kept = this._kept;
    if (kept && kept.rows === this.rows && kept.columns === this.columns && kept.sorting === sorting) return kept.sorted;
    const sorted = this._sort(sorting);
    this._kept = { rows: this.rows, columns: this.columns, sorting, sorted };
    return sorted;
  }

  /** @param {string} sorting @returns {readonly any[]} */
  _sort(sorting) {
    const down = sorting.startsWith("-");
    const column = this.columns.find((one) => one.id === sorting.replace(/^-/, ""));
    if (!column) return this.rows;
    const keyed = this.rows.map((row) => /** @type {[any, any]} */ ([sortable(column.value(row)), row]));
    keyed.sort(([one], [other]) => compared(one, other) * (down ? -1 : 1));
    return keyed.map(([, row]) => row);
  }

  render() {
    if (!this.rows.length && this.empty !== nothing) return this.empty;
    const rows = this._sorted();
    const part = rows.length > ALL_BELOW;
    const from = part ? Math.min(this._from, Math.max(0, rows.length - 1)) : 0;
    const to = part ? Math.min(rows.length, from + this._seen() + 2 * MARGIN) : rows.length;
    const width = this.columns.length + (this.selected ? 1 : 0);
    return html`<table class="table" aria-rowcount=${part ? rows.length + 1 : nothing}>
      ${this.caption ? html`<caption class="sr">${this.caption}</caption>` : nothing}
      <thead><tr>${this.selected ? html`<th scope="col" class="choose">${this._chooseAll(rows)}</th>` : nothing}
        ${this.columns.map((column) => this._head(column))}</tr></thead>
      <tbody>
        ${from ? html`<tr aria-hidden="true" class="gap"><td colspan=${width} style="height:${from * ROW}px"></td></tr>` : nothing}
        ${repeat(rows.slice(from, to), this.key, (row, at) => this._row(row, part ? from + at + 2 : 0))}
        ${to < rows.length ? html`<tr aria-hidden="true" class="gap"><td colspan=${width} style="height:${(rows.length - to) * ROW}px"></td></tr>` : nothing}
      </tbody></table>`;
  }

  /** @param {Column} column */
  _head(column) {
    const sorting = this._sorting;
    const here = sorting.replace(/^-/, "") === column.id;
    const down = sorting.startsWith("-");
    const next = here && !down ? `-${column.id}` : column.id;
    return html`<th scope="col" class=${column.end ? "end" : ""} style=${column.width ? `width:${column.width}` : nothing}
      aria-sort=${here ? (down ? "descending" : "ascending") : nothing}>${column.fixed ? column.label : html`
      <button type="button" @click=${() => this.services.router.set({ [this.sort_name]: next })}>${column.label}
        <span aria-hidden="true" class="sort">${here ? (down ? "▾" : "▴") : ""}</span></button>`}</th>`;
  }

  /**
   * @param {any} row
   * @param {number} index
   */
  _row(row, index) {
    const id = this.key(row);
    const chosen = this.selected?.has(id) ?? false;
    return html`<tr class="${chosen ? "chosen" : ""} ${this.row_class ? this.row_class(row) : ""}" aria-rowindex=${index || nothing}
      aria-selected=${this.selected ? chosen : nothing}>
      ${this.selected ? html`<td class="choose"><input type="checkbox" aria-label="Choose ${id}" .checked=${chosen}
        @change=${(/** @type {any} */ event) => this._choose(id, event.target.checked)}></td>` : nothing}
      ${this.columns.map((column, at) => {
        const shown = column.cell ? column.cell(row) : text(column.value(row));
        return html`<td class=${column.end ? "end" : ""}>${at === 0 && this.row_href ? html`<a href=${this.row_href(row)}>${shown}</a>` : shown}</td>`;
      })}</tr>`;
  }

  /** @param {readonly any[]} rows */
  _chooseAll(rows) {
    const all = rows.length > 0 && rows.every((row) => this.selected?.has(this.key(row)));
    return html`<input type="checkbox" aria-label="Choose all ${rows.length}" .checked=${all}
      .indeterminate=${!all && (this.selected?.size ?? 0) > 0}
      @change=${(/** @type {any} */ event) => this._select(new Set(event.target.checked ? rows.map((row) => this.key(row)) : []))}>`;
  }

  /**
   * @param {string} id
   * @param {boolean} chosen
   */
  _choose(id, chosen) {
    const now = new Set(this.selected);
    if (chosen) now.add(id);
    else now.delete(id);
    this._select(now);
  }

  /** @param {Set<string>} selected */
  _select(selected) {
    this.selected = selected;
    this.dispatchEvent(new CustomEvent("select", { detail: selected, bubbles: false }));
  }

  _seen() {
    return Math.ceil(this._height / ROW);
  }

  _look() {
    const scroller = this._scroller;
    if (!scroller) return;
    const above = scroller.getBoundingClientRect().top - this.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(above / ROW) - MARGIN);
    // by pairs of rows beyond the margin: not anew at each pixel
    if (Math.abs(first - this._from) >= MARGIN / 2 || (first === 0) !== (this._from === 0)) this._from = first;
  }
}

/** @param {any} value */
function text(value) {
  return value === null || value === undefined || value === "" ? html`<span class="muted">–</span>` : String(value);
}

/** @param {any} value */
function sortable(value) {
  return typeof value === "boolean" ? Number(value) : value ?? "";
}

const COLLATOR = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * @param {any} one
 * @param {any} other
 */
function compared(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  if (one === "" || other === "") return (one === "" ? 1 : 0) - (other === "" ? 1 : 0); // nothing goes last
  return COLLATOR.compare(String(one), String(other));
}
customElements.define("gw-table", Table);
