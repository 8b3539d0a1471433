/**
 * <gw-metric-chart>: one question about telemetry as a chart or a heat map, with the same as a file and as a line for the CLI.
 *
 * It asks when it is given another range, and only while it can be seen. What is asked comes from the tables of questions.
 */

import { html, nothing } from "lit";
import { ask, cliLine, csvAddress } from "../../core/metric_queries.js";
import { isAbort } from "../../core/problem.js";
import { highest } from "../../core/series.js";
import { stepFor } from "../../core/time_range.js";
import { duration, time } from "../../core/format.js";
import "../../parts/chart.js";
import { cli } from "../../parts/cli.js";
import "../../parts/heat_map.js";
import { Part } from "../../parts/part.js";

/** @typedef {import("../../core/metric_queries.js").Question} Question */
/** @typedef {import("../../core/metric_queries.js").Answer} Answer */

const MOST_LINES = 12;
const USUAL_WIDTH = 600;
const NEAR = "200px";

export class MetricChart extends Part {
  static properties = {
    ...Part.properties, question: { attribute: false }, range: { attribute: false }, kind: {},
      marks: { attribute: false },
    height: { type: Number }, noun: {},
    _answer: { state: true }, _problem: { state: true }, _seen: { state: true },
  };

  constructor() {
    super();
    /** @type {Question} */
    this.question = { title: "", unit: "count", parts: [] };
    /** @type {import("../../core/time_range.js").TimeRange} */
    this.range = { name: "", from: 0, to: 1, live: false };
    /** @type {"lines" | "heat"} */
    this.kind = "lines";
    /** @type {readonly import("../../parts/chart_drawing.js").Mark[]} */
    this.marks = [];
    this.height = 180;
    this.noun = "CPU";
    /** @type {Answer | null} */
    this._answer = null;
    /** The window that the answer is of. @type {import("../../core/metric_queries.js").Window | null} */
    this._window = null;
    this._problem = "";
    this._seen = false;
    /** @type {AbortController | null} */
    this._asking = null;
    this._asked = "";
  }

  connectedCallback() {
    super.connectedCallback();
    const watch = new IntersectionObserver((seen) => { this._seen = seen.some((one) => one.isIntersecting); },
      { rootMargin: NEAR });
    watch.observe(this);
    this.until(() => {
      watch.disconnect();
      this._asking?.abort();
    });
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    if (this._seen && ["range", "question", "_seen"].some((one) => changed.has(one))) void this._ask();
  }

  get window() {
    const step = stepFor(this.range.from, this.range.to, this.clientWidth || USUAL_WIDTH);
    return { from: this.range.from, to: this.range.to, step };
  }

  async _ask() {
    const asked = JSON.stringify([this.question.parts, this.range.name, this.range.live ? 0 : this.range.from, this.range.to - this.range.from]);
    if (this._asking && asked === this._asked) return; // the same, a moment later: what is under way is new enough
    this._asking?.abort();
    if (asked !== this._asked) this._answer = null;
    this._asked = asked;
    const asking = this._asking = new AbortController();
    const window = this.window;
    try {
      const answer = await ask(this.services.api, this.question, window, asking.signal);
      if (asking.signal.aborted) return;
      this._answer = answer;
      this._window = window;
      this._problem = "";
    } catch (error) {
      if (!isAbort(error)) this._problem = error instanceof Error ? error.message : String(error);
    } finally {
      if (this._asking === asking) this._asking = null;
    }
  }

  render() {
    return html`
      <section class="panel metric-chart" aria-label=${this.question.title} aria-busy=${this._answer ? "false"
        : "true"}>
        ${this._problem ? html`<p class="issue w" role="status">▲ ${this._problem}</p>` : nothing}
        ${this._answer ? this._shown(this._answer) : html`<p class="chart-caption">${this.question.title}</p>
          <p class="muted">${this._problem ? "Nothing could be read." : "Reading…"}</p>`}
        ${this._more()}
      </section>`;
  }

  /** @param {Answer} answer */
  _shown(answer) {
    const { title, unit, empty, most = MOST_LINES } = this.question;
    const [from, to] = [this._window?.from ?? this.range.from, this._window?.to ?? this.range.to];
    const none = empty ?? "Nothing was measured in this time. Choose a longer time, or see that the host sends telemetry.";
    if (this.kind === "heat") {
      return html`<gw-heat-map .rows=${answer.series} .unit=${unit} .range=${[from, to]} .step=${answer.step} .most=${
        unit === "ratio" ? 1 : 0} .caption=${title} .noun=${this.noun} .empty=${none}></gw-heat-map>`;
    }
    const shown = highest(answer.series, most);
    return html`
      <gw-chart .series=${shown} .unit=${unit} .range=${[from, to]} .step=${answer.step} .marks=${this.marks}
        .height=${this.height}
        .bands=${bandsOf(answer)} .caption=${title} .empty=${none}></gw-chart>
      ${shown.length < answer.series.length ? html`<p
        class="muted">The ${shown.length} highest of ${answer.series.length}.</p>` : nothing}
      ${answer.clocks.map((one) => html`<p class="issue w">▲ The clock of ${one.site}/${one.host} was wrong: its times were shifted by ${
        duration(Math.abs(one.offset_ms))}, last on ${time(one.at)}.</p>`)}`;
  }

  _more() {
    const { api } = this.services;
    const window = this._window ?? this.window;
    return html`
      <details class="chart-more">
        <summary>File and command</summary>
        ${this.question.parts.map((part) => html`
          <p class="row"><a class="button" download href=${csvAddress(api, part, window)}>Save as CSV${
            this.question.parts.length > 1 && typeof part.label === "string" ? `: ${part.label}` : ""}</a></p>
          ${cli(this.services, cliLine(part, this.range, window.step))}`)}
      </details>`;
  }
}

/**
 * What is missing of the time, for the chart's background.
 * @param {Answer} answer
 */
function bandsOf(answer) {
  return answer.gaps.map((one) => ({
    from: one.since, to: one.until,
    label: `${one.site}/${one.host}: ${one.numbers} batches are missing, ${time(one.since)} to ${time(one.until)} (${one.why})`,
  }));
}

customElements.define("gw-metric-chart", MetricChart);
