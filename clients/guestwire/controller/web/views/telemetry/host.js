/** The telemetry of a host: its charts by subject over a chosen time, marks where alarms were, and what is missing. */

import { html, nothing } from "lit";
import "../../parts/range_picker.js";
import { severity } from "../../parts/status.js";
import { tabs } from "../../parts/tabs.js";
import { counted, time } from "../../core/format.js";
import { Newest } from "../../core/newest.js";
import { isAbort } from "../../core/problem.js";
import { chartGrid } from "./charts.js";
import { gapsLine, gapsPanel } from "./gaps.js";
import { hostCharts } from "./host_charts.js";
import { TimedPart } from "./timed_part.js";

/** @typedef {import("../../parts/chart_drawing.js").Mark} Mark */

const MOST_MARKS = 100;
const ABOUT_EVERY_MS = 10_000;

export class HostTelemetry extends TimedPart {
  static properties = { ...TimedPart.properties, _gaps: { state: true }, _marks: { state: true } };

  constructor() {
    super();
    /** @type {import("./gaps.js").Gaps | null} */
    this._gaps = null;
    /** @type {(Mark & {id: string})[]} */
    this._marks = [];
    /** @type {readonly import("./host_charts.js").Subject[]} */
    this._subjects = [];
    this._about = "";
    this._aboutAt = 0;
    this._newest = new Newest();
  }

  connectedCallback() {
    super.connectedCallback();
    this._subjects = hostCharts(this.params.site, this.params.host);
    this.until(this.services.live.on("alarm", (changes) => {
      if (changes.length && !changes.some((change) => this._isMine(change))) return;
      this._aboutAt = 0;
      this.soon();
    }));
  }

  get host() {
    return `${this.params.site}/${this.params.host}`;
  }

  /** @param {import("../../core/live.js").Change} change of an alarm; one that is gone has no document */
  _isMine({ key, document }) {
    return document ? `${document.site}/${document.host}` === this.host : this._marks.some((one) => one.id === key);
  }

  updated() {
    const { name, from, to, live } = this.range;
    const about = live ? name : `${from} ${to}`;
    if (about === this._about && Date.now() - this._aboutAt < ABOUT_EVERY_MS) return;
    this._about = about;
    this._aboutAt = Date.now();
    void this._readAbout();
  }

  /** What there is beside the values: gaps and alarms. */
  async _readAbout() {
    const { api, router } = this.services;
    const { from, to } = this.range;
    const { site, host } = this.params;
    const counts = this._newest.ask();
    try {
      const [gaps, alarms] = await Promise.all([
        api.get("/metrics/gaps", { site, host, since: from, until: to }),
        api.get("/alarms", { host: this.host, since: from, until: to, limit: MOST_MARKS }),
      ]);
      if (!counts()) return;
      this._gaps = gaps;
      this._marks = alarms.items.map((/** @type {any} */ one) => ({
        id: one.id, at: one.raised_at, label: one.text, severity: one.severity, href: router.href("/alarms", { alarm: one.id,
          state: "all" }),
      }));
    } catch (error) {
      if (!isAbort(error)) this.services.say.problem(error);
    }
  }

  render() {
    const { router } = this.services;
    const subject = this._subjects.find((one) => one.id === this.query.get("part")) ?? this._subjects[0];
    const keep = Object.fromEntries(["range", "from", "to", "refresh"].map((name) => [name, this.query.get(name)]));
    return html`<div class="telemetry stack">
      <gw-range-picker .services=${this.services} .query=${this.query}></gw-range-picker>
      ${tabs(this._subjects.map((one) => ({
        label: one.label, current: one === subject, href: router.href(router.path, { ...keep, part: one.id }),
      })), "Subjects")}
      <p class="muted">${subject.text}</p>
      ${gapsLine(this._gaps)}
      ${this._alarms()}
      ${chartGrid(this.services, subject.charts, this.range, this._marks)}
      ${subject.id === "record" ? gapsPanel(this.services, this._gaps, this.host, this.range) : ""}
    </div>`;
  }

  /** What the marks in the charts are. */
  _alarms() {
    if (!this._marks.length) return nothing;
    return html`<details class="chart-alarms"><summary>${counted(this._marks.length, "alarm")} in this time</summary>
      <ul>${this._marks.map((one) => html`<li>${severity(one.severity ?? "info")} ${time(one.at)} <a
        href=${one.href ?? ""}>${one.label}</a></li>`)}</ul>
    </details>`;
  }
}

customElements.define("gw-host-telemetry", HostTelemetry);
