/**
 * A guest's figures over time: its CPUs, memory, disks, network, how long its vCPUs waited. What is asked is the
 * telemetry's table.
 */

import { html } from "lit";
import "../../parts/range_picker.js";
import { chartGrid } from "../telemetry/charts.js";
import { guestCharts } from "../telemetry/guest_charts.js";
import { TimedPart } from "../telemetry/timed_part.js";

export class GuestPerformance extends TimedPart {
  connectedCallback() {
    super.connectedCallback();
    const { site, host, guest } = this.params;
    this._charts = guestCharts(site, host, guest);
  }

  render() {
    return html`<div class="stack guest-page">
      <h2 class="sr">Performance</h2>
      <gw-range-picker .services=${this.services} .query=${this.query}></gw-range-picker>
      ${chartGrid(this.services, this._charts ?? [], this.range)}</div>`;
  }
}

customElements.define("gw-guest-performance", GuestPerformance);
