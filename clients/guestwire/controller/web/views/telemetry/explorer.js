/** <gw-metric-explorer>: any metric, of any hosts, put together as one likes. What is asked is in the address, whole. */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Loading } from "../../parts/loading.js";
import { Part } from "../../parts/part.js";
import { trouble } from "../../parts/trouble.js";
import { composed, parsed } from "../../core/selector_text.js";
import { unitOf } from "../../core/units.js";
import { chartGrid } from "./charts.js";
import { labelFilters } from "./label_filters.js";

/** @typedef {{name: string, kind: "gauge" | "counter", unit: string, summary: string, labels: string[], series: number}} Metric */

const USUAL = "guestwire_host_load";
const ALL_AS_ONE = "*";
const MOST_LINES = 20;
const MOST_SERIES = 500;
/** @type {Record<string, string>} */
const AGGREGATES = {
  avg: "mean", min: "lowest", max: "highest", last: "last", sum: "sum", count: "how many values",
    rate: "growth per second",
  increase: "growth",
};
const FOR_COUNTERS = new Set(["rate", "increase"]);
/** @type {[string, string][]} */
const ACROSS = [["", "as it suits"], ["sum", "sum"], ["avg", "mean"], ["min", "lowest"], ["max", "highest"], ["count", "how many"]];

export class MetricExplorer extends Part {
  static properties = { ...Part.properties, range: { attribute: false }, _series: { state: true }, _wrong: { state: true } };

  constructor() {
    super();
    /** @type {import("../../core/time_range.js").TimeRange} */
    this.range = { name: "", from: 0, to: 1, live: false };
    /** @type {Loading<Metric[]>} */
    this.list = new Loading(this, (signal) => this.services.api.all("/metrics", {}, undefined, signal));
    /** The series of the metric, for the values of its labels. @type {{name: string, items: any[]}} */
    this._series = { name: "", items: [] };
    this._wrong = "";
    /** @type {{key: string, charts: import("./host_charts.js").Shown[]}} */
    this._shown = { key: "", charts: [] };
  }

  get _metrics() {
    return this.list.document;
  }

  get selector() {
    return this.query.get("selector") || USUAL;
  }

  /** @returns {Metric | undefined} */
  get metric() {
    const name = parsed(this.selector)?.name;
    return this._metrics?.find((one) => one.name === name);
  }

  get aggregate() {
    const given = this.query.get("aggregate") ?? "";
    if (given in AGGREGATES && (this.metric?.kind === "counter" || !FOR_COUNTERS.has(given))) return given;
    return this.metric?.kind === "counter" ? "rate" : "avg";
  }

  /** @returns {string[] | undefined} undefined: each for itself */
  get by() {
    const given = this.query.get("by");
    if (given === null) return undefined;
    return given === ALL_AS_ONE ? [] : given.split(",").filter(Boolean);
  }

  updated() {
    const metric = this.metric;
    if (metric && this._series.name !== metric.name) void this._readSeries(metric.name);
  }

  /** @param {string} name */
  async _readSeries(name) {
    this._series = { name, items: [] };
    try {
      const { items } = await this.services.api.get("/metrics/series", { selector: name, limit: MOST_SERIES });
      if (this._series.name === name) this._series = { name, items };
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  render() {
    if (this._metrics && !this._metrics.length) {
      return empty({
        title: "There are no metrics yet", text: "They appear as soon as an approved host sends telemetry.",
        cli: cli(this.services, "guestwire metrics list"),
      });
    }
    return html`
      <form class="panel stack explorer" @submit=${(/** @type {Event} */ event) => event.preventDefault()}
        aria-label="What is shown">
        ${this._which()} ${this._how()}
      </form>
      ${this._metrics ? chartGrid(this.services, this._charts(), this.range)
        : this.list.error ? trouble(this.list.error, () => void this.list.again()) : html`<p class="muted">Reading…</p>`}`;
  }

  _which() {
    const { router } = this.services;
    const found = parsed(this.selector);
    const metric = this.metric;
    return html`
      <div class="row explorer-metric">
        <div class="field fill">
          <label for="gw-explorer-metric">Metric</label>
          <input id="gw-explorer-metric" list="gw-explorer-metrics" autocomplete="off" spellcheck="false"
            .value=${found?.name ?? ""}
            aria-describedby="gw-explorer-meaning" @change=${this._choose}>
          <datalist id="gw-explorer-metrics">${(this._metrics ?? []).map((one) => html`<option
            value=${one.name}>${one.summary}</option>`)}</datalist>
          <div class="hint" id="gw-explorer-meaning" aria-live="polite">${metric
            ? html`${metric.summary} ${metric.kind === "counter" ? "A counter"
              : "A gauge"}, ${metric.unit || "no unit"}, ${metric.series} series.`
            : this._metrics ? "No host sends a metric of this name. Choose one of the list." : ""}</div>
        </div>
        <div class="fill">${textField({
          id: "gw-explorer-selector", label: "Selector", value: this.selector, error: this._wrong,
          hint: "The same as text: a name and labels with =, !=, =~ or !~.", onInput: (value) => this._typed(value),
        })}</div>
      </div>
      ${found && metric ? labelFilters({
        labels: ["site", "host", ...metric.labels], matchers: found.matchers, series: this._series.items,
        onChange: (matchers) => router.set({ selector: composed({ name: found.name, matchers }) }),
      }) : nothing}`;
  }

  _how() {
    const { router } = this.services;
    const metric = this.metric;
    const by = this.by;
    const labels = ["site", "host", ...(metric?.labels ?? [])];
    return html`
      <div class="row">
        ${selectField({
          id: "gw-explorer-aggregate", label: "Each step shows",
            value: this.aggregate, onChange: (aggregate) => router.set({ aggregate }),
          options: Object.entries(AGGREGATES).filter(([one]) => metric?.kind === "counter" || !FOR_COUNTERS.has(one)),
        })}
        ${selectField({
          id: "gw-explorer-across", label: "Put together as", value: this.query.get("across") ?? "", options: ACROSS,
          disabled: by === undefined, onChange: (across) => router.set({ across }),
        })}
      </div>
      <fieldset class="row"><legend>One line for each</legend>
        ${this._lines("series", "series", by === undefined, null)}
        ${this._lines("one", "one line for all", by?.length === 0, ALL_AS_ONE)}
        ${labels.map((label) => html`<label class="check"><input type="checkbox"
          .checked=${by?.includes(label) ?? false}
          @change=${(/** @type {any} */ event) => this._gather(label, event.target.checked)}> ${label}</label>`)}
      </fieldset>`;
  }

  /**
   * @param {string} id
   * @param {string} label
   * @param {boolean} chosen
   * @param {string | null} by
   */
  _lines(id, label, chosen, by) {
    return html`<label class="check" for="gw-explorer-by-${id}"><input id="gw-explorer-by-${id}" type="radio"
      name="gw-explorer-by"
      .checked=${chosen} @change=${() => this.services.router.set({ by,
        across: by === null ? null : this.query.get("across") })}> ${label}</label>`;
  }

  /**
   * @param {string} label
   * @param {boolean} wanted
   */
  _gather(label, wanted) {
    const now = (this.by ?? []).filter((one) => one !== label);
    if (wanted) now.push(label);
    this.services.router.set({ by: now.join(",") || null });
  }

  /** @param {Event} event */
  _choose(event) {
    const name = /** @type {HTMLInputElement} */ (event.target).value.trim();
    if (!parsed(name)) return; // a name that no host sends is shown as one: the list may not have come yet
    this._wrong = "";
    this.services.router.set({ selector: name, by: null, across: null, aggregate: null });
  }

  /** @param {string} text */
  _typed(text) {
    this._wrong = parsed(text) ? "" : 'Write a name and labels, as guestwire_host_load{window="1m"}.';
    if (!this._wrong) this.services.router.set({ selector: text });
  }

  _charts() {
    const [selector, aggregate, by] = [this.selector, this.aggregate, this.by];
    const across = this.query.get("across") || undefined;
    const key = JSON.stringify([selector, aggregate, by, across]);
    if (this._shown.key !== key) {
      const metric = this.metric ?? { name: parsed(selector)?.name ?? selector, unit: "" };
      this._shown = { key, charts: [{ question: {
        title: selector, unit: unitOf(metric, aggregate), parts: [{ selector, aggregate, by, across }],
          most: MOST_LINES,
        empty: "No series of this selector had a value in this time. Take a filter away, or choose a longer time.",
      } }] };
    }
    return this._shown.charts;
  }
}

customElements.define("gw-metric-explorer", MetricExplorer);
