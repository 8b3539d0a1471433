/** The columns of hosts in a table. What nobody knows is "unknown", never 0. */

import { html, nothing } from "lit";
import { hostStatus, pill, syncStatus } from "../../parts/status.js";
import { duration, hostName, mib } from "../../core/format.js";
import { SEVERITIES } from "./health.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("../../types/api.js").components["schemas"]["AlarmShown"]} AlarmShown */
/** @typedef {import("../../core/services.js").Services} Services */

/**
 * A host as lists key it.
 * @param {{site: string, host: string}} host
 */
export function hostKey(host) {
  return `${host.site}/${host.host}`;
}

/**
 * The columns; the one of approvals is there while some host is not let in.
 * @param {Services} services
 * @param {Map<string, AlarmShown[]>} alarms open ones by host
 * @param {number} now Unix ms
 * @returns {any[]}
 */
export function hostColumns(services, alarms, now) {
  const waiting = [...services.live.map("host").values()].some((host) => host.approval !== "approved");
  return allColumns(services, alarms, now).filter((column) => waiting || column.id !== "approval");
}

/**
 * @param {Services} services
 * @param {Map<string, AlarmShown[]>} alarms
 * @param {number} now
 * @returns {any[]}
 */
function allColumns(services, alarms, now) {
  return [
    {
      id: "host", label: "Host", value: (/** @type {HostSummary} */ host) => host.host, width: "130px",
    },
    { id: "site", label: "Site", value: (/** @type {HostSummary} */ host) => host.site, width: "90px" },
    { id: "label", label: "Label", value: hostName, width: "160px" },
    {
      id: "state", label: "State", value: (/** @type {HostSummary} */ host) => host.state, width: "170px",
      cell: (/** @type {HostSummary} */ host) => html`${hostStatus(host.state)}
        <span class="muted">${host.state_at ? duration(now - host.state_at) : nothing}</span>`,
    },
    {
      id: "approval", label: "Approval", value: (/** @type {HostSummary} */ host) => host.approval, width: "90px",
      cell: (/** @type {HostSummary} */ host) => host.approval === "approved" ? host.approval
        : host.approval === "pending" ? pill("pend", "○", host.approval) : pill("err", "✕", host.approval),
    },
    {
      id: "guests", label: "Guests", end: true, width: "110px",
      value: (/** @type {HostSummary} */ host) => host.guests_running ?? -1,
      cell: (/** @type {HostSummary} */ host) => guestsText(host),
    },
    {
      id: "sync", label: "Sync", value: (/** @type {HostSummary} */ host) => host.sync, width: "90px",
      cell: (/** @type {HostSummary} */ host) => syncStatus(host.sync),
    },
    {
      id: "drift", label: "Drift", end: true, width: "80px", value: (/** @type {HostSummary} */ host) => host.drift ?? -1,
      cell: (/** @type {HostSummary} */ host) => host.drift === null ? UNKNOWN
        : host.drift ? pill("warn", "▲", host.drift) : "none",
    },
    {
      id: "reboot", label: "Reboot", width: "90px", value: (/** @type {HostSummary} */ host) => String(host.reboot),
      cell: (/** @type {HostSummary} */ host) => host.reboot === null ? UNKNOWN
        : host.reboot ? pill("warn", "↻", "needed") : "no",
    },
    {
      id: "alarms", label: "Alarms", end: true, width: "90px",
      value: (/** @type {HostSummary} */ host) => alarms.get(hostKey(host))?.length ?? 0,
      cell: (/** @type {HostSummary} */ host) => alarmCell(services, host, alarms.get(hostKey(host)) ?? []),
    },
    {
      id: "cpus", label: "CPUs", end: true, width: "70px", value: (/** @type {HostSummary} */ host) => host.cpus,
      cell: (/** @type {HostSummary} */ host) => host.cpus || UNKNOWN,
    },
    {
      id: "memory", label: "Memory", end: true, width: "90px", value: (/** @type {HostSummary} */ host) => host.memory_mib,
      cell: (/** @type {HostSummary} */ host) => host.memory_mib ? mib(host.memory_mib) : UNKNOWN,
    },
    {
      id: "agent", label: "Agent", value: (/** @type {HostSummary} */ host) => host.agent_version, width: "80px",
      cell: (/** @type {HostSummary} */ host) => host.agent_version || UNKNOWN,
    },
    {
      id: "labels", label: "Labels", width: "180px",
      value: (/** @type {HostSummary} */ host) => labelTexts(host).join(" "),
      cell: (/** @type {HostSummary} */ host) => labelTexts(host).map((text) => html`<span class="chip">${text}</span> `),
    },
  ];
}

const UNKNOWN = html`<span class="muted">unknown</span>`;

/** @param {HostSummary} host */
function guestsText(host) {
  return host.guests_running === null ? html`<span class="muted">unknown</span> / ${host.guests}`
    : `${host.guests_running} / ${host.guests}`;
}

/** @param {HostSummary} host */
function labelTexts(host) {
  return Object.keys(host.labels).sort().map((name) => `${name}=${host.labels[name]}`);
}

/**
 * @param {Services} services
 * @param {HostSummary} host
 * @param {AlarmShown[]} open
 */
function alarmCell(services, host, open) {
  if (!open.length) return "none";
  const worst = SEVERITIES.find(({ severity }) => open.some((alarm) => alarm.severity === severity)) ?? SEVERITIES[2];
  const href = services.router.href("/alarms", { host: hostKey(host) });
  return html`<a class="pill ${worst.tone}" href=${href}><span aria-hidden="true">${worst.glyph}</span> ${open.length}
    <span class="sr">open on ${host.host}, ${worst.severity} at worst</span></a>`;
}
