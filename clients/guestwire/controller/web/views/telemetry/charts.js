/** Charts beside one another, of a table of questions. */

import { html } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { zoomTo } from "../../parts/range_picker.js";
import "./metric_chart.js";

/**
 * @param {import("../../core/services.js").Services} services
 * @param {readonly import("./host_charts.js").Shown[]} charts
 * @param {import("../../core/time_range.js").TimeRange} range
 * @param {readonly import("../../parts/chart_drawing.js").Mark[]} [marks]
 */
export function chartGrid(services, charts, range, marks = []) {
  return html`<div class="chart-grid" @zoom=${(/** @type {CustomEvent} */ event) => zoomTo(services.router, event.detail)}>
    ${repeat(charts, (one) => one.question.title, (one) => html`<gw-metric-chart .services=${services}
      .question=${one.question}
      .range=${range} .kind=${one.kind ?? "lines"} .noun=${one.noun ?? "CPU"} .marks=${marks}></gw-metric-chart>`)}
  </div>`;
}
