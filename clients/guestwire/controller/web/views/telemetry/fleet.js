/** The telemetry of the fleet: totals, the highest of everything, charts of all hosts together, and an explorer of any metric. */

import { html, nothing } from "lit";
import "../../parts/range_picker.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { tabs } from "../../parts/tabs.js";
import { isAbort } from "../../core/problem.js";
import { refreshOf } from "../../core/time_range.js";
import { written } from "../../core/units.js";
import { chartGrid } from "./charts.js";
import "./explorer.js";
import { INGEST, OVERVIEW, SHARED, TOTALS } from "./fleet_charts.js";
import { gapsPanel } from "./gaps.js";
import { TimedPart } from "./timed_part.js";
import { TOPS, askTop, topList } from "./top_lists.js";

/** @typedef {import("./top_lists.js").Row} Row */

const PARTS = [["overview", "Overview"], ["events", "Events and queues"], ["controller", "Controller"], ["explore", "Any metric"]];
const LOOK_MS = 1000;

export class FleetTelemetry extends TimedPart {
  static properties = {
    ...TimedPart.properties, _tops: { state: true }, _totals: { state: true }, _gaps: { state: true },
      _problem: { state: true },
  };

  constructor() {
    super();
    /** @type {ReadonlyMap<string, Row[]>} */
    this._tops = new Map();
    /** @type {ReadonlyMap<string, Row | undefined> | null} */
    this._totals = null;
    /** @type {import("./gaps.js").Gaps | null} */
    this._gaps = null;
    this._problem = "";
    this._read = "";
    this._readAt = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(LOOK_MS, (signal) => this._look(signal));
  }

  get page() {
    const given = this.query.get("part") ?? "";
    return PARTS.some(([id]) => id === given) ? given : "overview";
  }

  /**
   * What is of now, and what is missing, as often as the page is refreshed.
   * @param {AbortSignal} signal
   */
  async _look(signal) {
    const refresh = refreshOf(this.query);
    const what = `${this.page} ${this.range.name} ${this.range.live ? "" : this.range.from}`;
    if (this._read === what && !(refresh && Date.now() - this._readAt >= refresh)) return;
    this._read = what;
    this._readAt = Date.now();
    try {
      if (this.page === "overview") await this._readTops(signal);
      if (this.page === "controller") await this._readGaps(signal);
      this._problem = "";
    } catch (error) {
      if (!isAbort(error)) this._problem = error instanceof Error ? error.message : String(error);
    }
  }

  /** @param {AbortSignal} signal */
  async _readTops(signal) {
    const { api } = this.services;
    const [totals, tops] = await Promise.all([
      Promise.all(TOTALS.map(async ({ selector, across }) => (await api.get("/metrics/top", { selector,
        by: [""], across }, signal)).rows[0])),
      Promise.all(TOPS.map((top) => askTop(api, top, signal))),
    ]);
    this._totals = new Map(TOTALS.map((one, n) => [one.id, totals[n]]));
    this._tops = new Map(TOPS.map((one, n) => [one.id, tops[n]]));
  }

  /** @param {AbortSignal} signal */
  async _readGaps(signal) {
    const { from, to } = this.range;
    this._gaps = await this.services.api.get("/metrics/gaps", { since: from, until: to }, signal);
  }

  render() {
    const { router } = this.services;
    const keep = Object.fromEntries(["range", "from", "to", "refresh"].map((name) => [name, this.query.get(name)]));
    return html`<div class="telemetry stack">
      <h1>Telemetry</h1>
      ${tabs(PARTS.map(([id, label]) => ({
        label, current: id === this.page, href: router.href("/telemetry", { ...keep,
          part: id === "overview" ? null : id }),
      })), "Telemetry")}
      <gw-range-picker .services=${this.services} .query=${this.query}></gw-range-picker>
      ${this._problem ? html`<p class="issue w" role="status"><span aria-hidden="true">▲</span> ${this._problem}</p>`
        : nothing}
      ${this._content()}
    </div>`;
  }

  _content() {
    switch (this.page) {
      case "events": return chartGrid(this.services, SHARED, this.range);
      case "controller": return html`<p class="muted">What hosts measure waits on their disks until this controller has stored it and said so.</p>
        ${chartGrid(this.services, INGEST, this.range)} ${gapsPanel(this.services, this._gaps, "", this.range)}`;
      case "explore": return html`<gw-metric-explorer .services=${this.services} .query=${this.query}
        .range=${this.range}></gw-metric-explorer>`;
      default: return this._overview();
    }
  }

  _overview() {
    if (this._totals && !this._totals.get("hosts")) {
      return empty({
        title: "No host sends telemetry now",
        text: "Hosts measure themselves and send it as soon as they are approved and connected. See that a host is online.",
        action: html`<p><a href=${this.services.router.href("/")}>Show the hosts</a></p>`,
        cli: cli(this.services, "guestwire metrics list"),
      });
    }
    return html`
      <dl class="totals">${TOTALS.map((one) => html`<div class="panel"><dt>${one.label}</dt><dd
        class="num">${this._total(one)}</dd></div>`)}</dl>
      ${chartGrid(this.services, OVERVIEW, this.range)}
      <div class="chart-grid">${TOPS.map((one) => topList(this.services, one, this._tops.get(one.id) ?? null))}</div>`;
  }

  /** @param {typeof TOTALS[number]} total */
  _total({ id, unit, count }) {
    if (!this._totals) return "…";
    const row = this._totals.get(id);
    return row ? written(count ? row.series : row.value, unit) : "none";
  }
}

customElements.define("gw-telemetry", FleetTelemetry);
