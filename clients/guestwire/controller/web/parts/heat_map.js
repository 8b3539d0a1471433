/**
 * <gw-heat-map>: rows (CPUs, vCPUs) over time, the value as a colour, with a legend, and the newest value of each row as text.
 *
 * It asks for nothing: its rows are given to it. A drag or a click does nothing here; times are chosen in the charts beside it.
 */

import { LitElement, html, nothing } from "lit";
import { time } from "../core/format.js";
import { cells, sentence, summary } from "../core/series.js";
import { written } from "../core/units.js";
import { followTheme } from "./theme_watch.js";

/** @typedef {import("../core/series.js").Series} Series */

const LEVELS = 12;
const LEAST_CELL = 3;
let maps = 0;

export class HeatMap extends LitElement {
  static properties = {
    rows: { attribute: false }, unit: {}, range: { attribute: false }, step: { type: Number }, most: { type: Number },
    caption: {}, noun: {}, empty: {}, _at: { state: true },
  };

  constructor() {
    super();
    /** @type {readonly Series[]} */
    this.rows = [];
    this.unit = "ratio";
    /** @type {readonly [number, number]} */
    this.range = [0, 1];
    this.step = 1000;
    /** The value of the strongest colour; 0: the highest there is. */
    this.most = 0;
    this.caption = "";
    /** What a row is. */
    this.noun = "CPU";
    this.empty = "No values in this time.";
    /** @type {{row: number, at: number, value: number | null} | null} */
    this._at = null;
    maps += 1;
    this._id = `gw-heat-map-${maps}`;
    /** @type {(number | null)[][]} */
    this._cells = [];
    /** @type {(() => void)[]} */
    this._ends = [];
  }

  createRenderRoot() {
    return this;
  }

  connectedCallback() {
    super.connectedCallback();
    const watch = new ResizeObserver(() => this._draw());
    watch.observe(this);
    this._ends.push(() => watch.disconnect(), followTheme(() => this._draw()));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    for (const end of this._ends.splice(0)) end();
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (["rows", "range", "step", "most", "unit"].some((one) => changed.has(one))) this._draw();
  }

  render() {
    const caption = html`<caption id="${this._id}-caption">${this.caption}</caption>`;
    if (!this.rows.length) return html`<p class="chart-caption">${this.caption}</p><p class="muted">${this.empty}</p>`;
    return html`
      <table class="heat-map" aria-labelledby="${this._id}-caption">
        ${caption}
        <thead><tr><th scope="col">${this.noun}</th><th
          scope="col">${time(this.range[0])} to ${time(this.range[1])}</th>
          <th scope="col">Last</th><th scope="col">Highest</th></tr></thead>
        <tbody>${this.rows.map((row, place) => this._row(row, place))}</tbody>
      </table>
      ${this._scale()}`;
  }

  /**
   * @param {Series} row
   * @param {number} place
   */
  _row(row, place) {
    const its = summary(row.points);
    return html`<tr>
      <th scope="row">${row.label}</th>
      ${place ? nothing : html`<td class="heat-cells" rowspan=${this.rows.length} @mousemove=${this._look}
        @mouseleave=${() => { this._at = null; }}><canvas role="img" aria-label="${this.caption}. ${
          sentence(this.rows, this.unit)}"></canvas></td>`}
      <td class="num">${written(its?.last, this.unit)}</td><td class="num">${written(its?.most, this.unit)}</td></tr>`;
  }

  _scale() {
    const most = this._most();
    const at = this._at;
    return html`<div class="heat-scale">
      <span>${written(0, this.unit)}</span>
      <span class="heat-steps" aria-hidden="true">${Array.from({ length: LEVELS }, (_, n) => html`<i
        data-level=${n}></i>`)}</span>
      <span>${written(most, this.unit)}</span>
      <span class="heat-none"><i aria-hidden="true"></i> no value</span>
      <output class="muted">${at === null ? "" : `${this.rows[at.row]?.label ?? ""}, ${time(at.at)}: ${
        at.value === null ? "no value" : written(at.value, this.unit)}`}</output></div>`;
  }

  _most() {
    return this.most || Math.max(...this.rows.map((row) => summary(row.points)?.most ?? 0)) || 1;
  }

  /** @param {MouseEvent} event */
  _look(event) {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    const row = Math.floor(((event.clientY - box.top) / box.height) * this.rows.length);
    const columns = this._cells[row]?.length ?? 0;
    if (!columns) return;
    const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
    const [from, to] = this.range;
    this._at = { row, at: from + ((column + 0.5) * (to - from)) / columns, value: this._cells[row][column] };
  }

  _draw() {
    const canvas = this.querySelector("canvas");
    const place = canvas?.parentElement;
    const context = canvas?.getContext("2d");
    if (!canvas || !place || !context || !place.clientWidth) return;
    const [width, height] = [place.clientWidth, place.clientHeight];
    const [from, to] = this.range;
    const columns = Math.max(1, Math.min(Math.ceil((to - from) / Math.max(1, this.step)), Math.floor(width / LEAST_CELL)));
    this._cells = this.rows.map((row) => cells(row.points, from, to, columns, this.step));
    canvas.width = width * devicePixelRatio;
    canvas.height = height * devicePixelRatio;
    context.scale(devicePixelRatio, devicePixelRatio);
    paint(context, this._cells, { width, height, most: this._most(), shades: shadesOf(this) });
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {readonly (readonly (number | null)[])[]} rows
 * @param {{width: number, height: number, most: number, shades: string[]}} how
 */
function paint(context, rows, { width, height, most, shades }) {
  const tall = height / rows.length;
  rows.forEach((row, line) => {
    const wide = width / row.length;
    row.forEach((value, column) => {
      if (value === null) return;
      const level = Math.min(LEVELS - 1, Math.max(0, Math.floor((value / most) * LEVELS)));
      context.fillStyle = shades[level];
      context.fillRect(column * wide, line * tall, Math.ceil(wide), Math.max(1, tall - 1));
    });
  });
}

/**
 * The colours of the levels, from the theme: those that the legend has.
 * @param {Element} element
 */
function shadesOf(element) {
  return [...element.querySelectorAll(".heat-steps i")].map((one) => getComputedStyle(one).backgroundColor);
}

customElements.define("gw-heat-map", HeatMap);
