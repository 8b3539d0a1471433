/** The highest of the fleet now: tables of what can be asked, and how a list of them looks. */

import { html } from "lit";
import { cli } from "../../parts/cli.js";
import { word } from "../../core/command_line.js";
import { written } from "../../core/units.js";

/** @typedef {{labels: Record<string, string>, value: number, series: number, time: number}} Row */
/**
 * `of`: the total that `value` is a share of, for the bar; nothing: the highest.
 * @typedef {{id: string, title: string, selector: string, by: readonly string[], unit: string, across?: string, part?: string}} Top
 */

const BUSY = 'mode=~"user|nice|system|guest|irq|softirq|steal"';
const COUNT = 8;

/** @type {readonly Top[]} */
export const TOPS = [
  { id: "host-cpu", title: "Hosts by CPU time", selector: `guestwire_host_cpu_seconds_total{${BUSY}}`,
    by: ["site", "host"], unit: "cpus",
    part: "cpu" },
  { id: "host-load", title: "Hosts by load of a minute", selector: 'guestwire_host_load{window="1m"}',
    by: ["site", "host"], unit: "load",
    part: "cpu" },
  { id: "guest-cpu", title: "Guests by CPU time", selector: "guestwire_guest_cpu_seconds_total",
    by: ["site", "host", "guest"], unit: "cpus" },
  { id: "vcpu-wait", title: "Guests by time that vCPUs waited", selector: "guestwire_vcpu_wait_seconds_total",
    by: ["site", "host", "guest"], unit: "ratio", across: "max" },
  { id: "guest-memory", title: "Guests by memory", selector: "guestwire_guest_memory_bytes",
    by: ["site", "host", "guest"], unit: "bytes" },
  { id: "disk-busy", title: "Hosts by how busy a disk is", selector: "guestwire_disk_busy_seconds_total",
    by: ["site", "host"],
    unit: "ratio", across: "max", part: "disks" },
  { id: "received", title: "Hosts by bytes received", selector: "guestwire_interface_received_bytes_total",
    by: ["site", "host"],
    unit: "bytes/s", part: "network" },
  { id: "signals", title: "Events by signals", selector: "guestwire_event_signals_total", by: ["site", "host", "event"],
    unit: "count/s",
    part: "shared" },
];

/**
 * @param {import("../../core/api.js").Api} api
 * @param {Top} top
 * @param {AbortSignal} signal
 * @returns {Promise<Row[]>}
 */
export async function askTop(api, top, signal) {
  const { selector, by, across } = top;
  return (await api.get("/metrics/top", { selector, by, across, n: COUNT }, signal)).rows;
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {Top} top
 * @param {readonly Row[] | null} rows null: not read yet
 */
export function topList(services, top, rows) {
  const most = Math.max(...(rows ?? []).map((row) => row.value), 0);
  const by = top.by.join(",");
  const line = `guestwire metrics top ${word(top.selector)} --by ${by}${top.across ? ` --across ${top.across}` : ""}`;
  return html`<section class="panel top-list" aria-labelledby="top-${top.id}">
    <h2 id="top-${top.id}">${top.title}</h2>
    ${!rows ? html`<p class="muted">Reading…</p>` : rows.length ? html`<table class="table">
      <caption class="sr">${top.title}</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Share</th><th scope="col" class="end">Now</th></tr></thead>
      <tbody>${rows.map((row) => html`<tr>
        <th scope="row"><a href=${hrefOf(services.router, top, row.labels)}>${nameOf(row.labels)}</a></th>
        <td><meter min="0" max=${most || 1} .value=${row.value} aria-label="of the highest"></meter></td>
        <td class="end num">${written(row.value, top.unit)}</td></tr>`)}</tbody></table>`
    : html`<p class="muted">Nothing of it was measured in the last five minutes. It appears as soon as a host sends it.</p>`}
    <details class="chart-more"><summary>Command</summary>${cli(services, line)}</details>
  </section>`;
}

/** @param {Record<string, string>} labels */
function nameOf({ site, host, guest, event }) {
  return [`${site}/${host}`, guest ?? event].filter(Boolean).join(" ");
}

/**
 * @param {import("../../core/router.js").Router} router
 * @param {Top} top
 * @param {Record<string, string>} labels
 */
function hrefOf(router, top, { site, host, guest }) {
  if (guest) return router.guestHref(`${site}/${host}`, guest, "/performance");
  return router.hostHref(`${site}/${host}`, "/telemetry", { part: top.part });
}
