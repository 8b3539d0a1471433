/**
 * <gw-chart>: series of values over time. Gaps stay gaps, the cursor is shared with the other charts of the page, a drag chooses a
 * time (event "zoom" with {from, to}), and everything it shows is there as text: a sentence, a legend with numbers, a table.
 *
 * It asks for nothing: what it shows is given to it. How it is drawn is `chart_drawing`'s matter.
 */

import { LitElement, html, nothing } from "lit";
import { counted, time } from "../core/format.js";
import { part } from "../core/part_loading.js";
import { merged, sentence, summary, tableRows } from "../core/series.js";
import { chosenRange } from "../core/time_range.js";
import { unit, written } from "../core/units.js";
import { coloursOf, lineOf, options } from "./chart_drawing.js";
import { followTheme } from "./theme_watch.js";

/** @typedef {import("../core/series.js").Series} Series */
/** @typedef {import("./chart_drawing.js").Mark} Mark */
/** @typedef {import("./chart_drawing.js").Band} Band */

const MOST_ROWS = 200;
const MOST_NOTES = 5;
const STYLES = "uplot-styles";
let charts = 0;

export class Chart extends LitElement {
  static properties = {
    series: { attribute: false }, unit: {}, range: { attribute: false }, step: { type: Number },
      marks: { attribute: false },
    bands: { attribute: false }, caption: {}, height: { type: Number }, empty: {},
    _at: { state: true }, _table: { state: true }, _hidden: { state: true }, _trouble: { state: true },
  };

  constructor() {
    super();
    /** @type {readonly Series[]} */
    this.series = [];
    this.unit = "count";
    /** @type {readonly [number, number] | null} */
    this.range = null;
    /** How far apart points are asked for, ms; 0: as they come. */
    this.step = 0;
    /** @type {readonly Mark[]} */
    this.marks = [];
    /** @type {readonly Band[]} */
    this.bands = [];
    this.caption = "";
    this.height = 180;
    this.empty = "No values in this time.";
    /** @type {number | null} */
    this._at = null;
    this._table = false;
    /** @type {ReadonlySet<string>} */
    this._hidden = new Set();
    this._trouble = "";
    charts += 1;
    this._id = `gw-chart-${charts}`;
    /** @type {import("uplot") | null} */
    this._plot = null;
    /** @type {Promise<typeof import("uplot")> | null} */
    this._library = null;
    this._kind = "";
    /** @type {(() => void)[]} */
    this._ends = [];
    /** @type {{times: number[], columns: (number | null | undefined)[][]}} */
    this._data = { times: [], columns: [] };
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    const watch = new ResizeObserver(() => this._resized());
    watch.observe(this);
    this._ends.push(() => watch.disconnect(), followTheme(() => this._rebuild()));
    void this._load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this._ends.splice(0)) end();
    this._drop();
  }

  async _load() {
    needStyles();
    try {
      this._library = part(() => import("uplot")).then((module) => module.default);
      await this._library;
      this.requestUpdate("series");
    } catch {
      this._trouble = "The chart could not be loaded: here are its values as a table.";
      this._table = true;
    }
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("series") || changed.has("step")) {
      this._data = merged(this.series, this.step);
      if (this._at !== null && this._at >= this._data.times.length) this._at = null;
    }
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (["series", "unit", "range", "step", "marks", "bands", "height", "_hidden", "_table"].some((one) => changed.has(one))) {
      void this._draw();
    }
  }

  render() {
    const said = sentence(this.series, this.unit);
    const some = this.series.length > 0 && this._data.times.length > 0;
    return html`
      <figure class="chart" aria-labelledby="${this._id}-caption">
        <div class="chart-head">
          <figcaption id="${this._id}-caption">${this.caption}</figcaption>
          ${some ? html`
            <button class="button quiet chart-as-table" type="button" aria-pressed=${this._table ? "true" : "false"}
              aria-controls="${this._id}-table" aria-label="Show as table: ${this.caption}"
              @click=${() => { this._table = !this._table; }}>Show as table</button>` : nothing}
        </div>
        ${this._trouble ? html`<p class="muted">${this._trouble}</p>` : nothing}
        <div class="chart-plot" role="img" aria-label="${this.caption}. ${said}"
          ?hidden=${!some || this._trouble !== ""}></div>
        ${some ? html`<p class="chart-said muted">${said}</p>${this._legend()}` : html`<p
          class="muted">${this.empty}</p>`}
        ${this._notes()}
        <div id="${this._id}-table">${this._table && some ? this._rows() : nothing}</div>
      </figure>`;
  }

  _legend() {
    const colours = coloursOf(this);
    const at = this._at === null ? null : this._data.times[this._at];
    return html`
      <div class="chart-legend">
        <p class="chart-at muted">${at === null ? "last" : time(at)}</p>
        <ul>${this.series.map((one, place) => {
          const { stroke, dash } = lineOf(colours, place);
          const value = at === null ? summary(one.points)?.last : this._data.columns[place][/** @type {number} */ (this._at)];
          const off = this._hidden.has(one.label);
          return html`<li><button type="button" class="chart-series" aria-pressed=${off ? "false" : "true"}
            title="${one.label}: ${off ? "show" : "hide"} this line" @click=${() => this._toggle(one.label)}>
            <svg width="18" height="8" aria-hidden="true"><line x1="0" y1="4" x2="18" y2="4" stroke=${stroke}
              stroke-width="2" stroke-dasharray=${dash.join(" ") || nothing}></line></svg>
            <span class="chart-name">${one.label}</span>
            <span class="num">${value === null || value === undefined ? "–" : written(value, this.unit)}</span></button></li>`;
        })}</ul>
      </div>`;
  }

  _notes() {
    const [from, to] = this.range ?? [-Infinity, Infinity];
    const marks = this.marks.filter((one) => one.at >= from && one.at <= to);
    if (!marks.length && !this.bands.length) return nothing;
    return html`<ul class="chart-notes">
      ${marks.length ? html`<li>▲ ${counted(marks.length, "alarm")} in this time, the dashed lines</li>` : nothing}
      ${this.bands.slice(0, MOST_NOTES).map((one) => html`<li>◌ ${one.label}</li>`)}
      ${this.bands.length > MOST_NOTES ? html`<li>◌ and ${this.bands.length - MOST_NOTES} more</li>` : nothing}
    </ul>`;
  }

  _rows() {
    const rows = tableRows(this.series, MOST_ROWS);
    return html`
      <div class="chart-table" tabindex="0" role="region" aria-label="${this.caption}, as a table">
        <table class="table">
          <caption>${this.caption}, ${unit(this.unit).word}, the newest first${
            this._data.times.length > MOST_ROWS ? `; the newest ${MOST_ROWS} times, a file has all` : ""}</caption>
          <thead><tr><th scope="col">Time</th>${this.series.map((one) => html`<th
            scope="col">${one.label}</th>`)}</tr></thead>
          <tbody>${rows.map((row) => html`<tr><th scope="row">${time(row.at)}</th>${row.values.map((value) => html`<td
            class="num">${value === null ? "–" : written(value, this.unit)}</td>`)}</tr>`)}</tbody>
        </table>
      </div>`;
  }

  /** @param {string} label */
  _toggle(label) {
    const hidden = new Set(this._hidden);
    if (!hidden.delete(label)) hidden.add(label);
    this._hidden = hidden;
  }

  async _draw() {
    const place = this.querySelector(".chart-plot");
    if (!this._library || !place || place.clientWidth === 0 || !this._data.times.length) return;
    const Plot = await this._library;
    if (!this.isConnected) return;
    const kind = JSON.stringify([this.unit, this.height, this.series.map((one) => one.label), [...this._hidden]]);
    const data = /** @type {import("uplot").AlignedData} */ (/** @type {unknown} */ ([this._data.times, ...this._data.columns]));
    if (this._plot && this._kind === kind) {
      this._plot.setData(data, true);
      return;
    }
    this._drop();
    this._kind = kind;
    this._plot = new Plot(this._options(place.clientWidth), data, /** @type {HTMLElement} */ (place));
  }

  /** @param {number} width */
  _options(width) {
    return options({
      width, height: this.height, unit: this.unit, colours: coloursOf(this),
      series: this.series.map((one) => ({ label: one.label, hidden: this._hidden.has(one.label) })),
      range: () => this.range ?? ends(this._data.times), marks: () => this.marks, bands: () => this.bands,
      onCursor: (at) => { this._at = at; },
      onZoom: (from, to) => {
        this.dispatchEvent(new CustomEvent("zoom", { detail: chosenRange(from, to), bubbles: true }));
      },
    });
  }

  _resized() {
    const place = this.querySelector(".chart-plot");
    if (!place || place.clientWidth === 0) return;
    if (!this._plot) void this._draw();
    // a longer legend is no other width: a new size would end a drag
    else if (this._plot.width !== place.clientWidth) this._plot.setSize({ width: place.clientWidth,
      height: this.height });
  }

  _rebuild() {
    this._drop();
    this.requestUpdate("series");
  }

  _drop() {
    this._plot?.destroy();
    this._plot = null;
  }
}

/**
 * @param {readonly number[]} times at least one
 * @returns {[number, number]}
 */
function ends(times) {
  const [first, last] = [times[0], times[times.length - 1]];
  return last > first ? [first, last] : [first - 1000, last + 1000];
}

/** The library's own style sheet, once for a page and only where there are charts. */
function needStyles() {
  if (document.getElementById(STYLES)) return;
  const link = document.createElement("link");
  link.id = STYLES;
  link.rel = "stylesheet";
  link.href = new URL("../vendor/uplot/dist/uPlot.min.css", import.meta.url).href;
  document.head.append(link);
}

customElements.define("gw-chart", Chart);
