/** The panels of a host's overview that only show: what it is, how it does, what it can do, its alarms, its last jobs. */

import { html, nothing } from "lit";
import { ago, duration, mib, time } from "../../core/format.js";
import { hostStatus, jobStatus, pill, severity, syncStatus } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["HostDetail"]} HostDetail */
/** @typedef {import("../../types/api.js").components["schemas"]["AlarmShown"]} Alarm */
/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */
/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {HostDetail} detail
 * @param {any} host as the inventory has it; undefined: not read
 * @param {(() => void) | null} edit null: not allowed
 */
export function whatPanel(detail, host, edit) {
  const labels = Object.entries(detail.labels);
  const simulated = detail.driver === "simulated" ? ", a simulated host" : "";
  const started = host?.started_at ? `, started ${time(host.started_at)}` : "";
  return html`<section class="panel"><div class="row"><h2>What it is</h2><span class="fill"></span>
      ${edit ? html`<button type="button" class="button quiet" @click=${edit}>Edit names and labels</button>` : nothing}</div>
    <dl class="kv">
      <dt>Name</dt><dd>${detail.label || detail.host}</dd>
      <dt>Identifier</dt><dd class="mono">${detail.site}/${detail.host}</dd>
      <dt>Labels</dt><dd>${labels.length ? labels.map(([name, value]) => html`
        <span class="chip">${name}${value ? ` = ${value}` : ""}</span> `) : html`<span class="muted">none</span>`}</dd>
      ${detail.notes ? html`<dt>Notes</dt><dd class="host-notes">${detail.notes}</dd>` : nothing}
      <dt>Machine</dt><dd>${detail.cpus} CPUs, ${mib(detail.memory_mib)}, ${detail.machine || "unknown"}</dd>
      <dt>System</dt><dd>${detail.hostname}, Linux ${detail.kernel || "unknown"}</dd>
      <dt>Hypervisor</dt><dd>${host?.facts.capabilities.hypervisor || detail.driver}${simulated}</dd>
      <dt>Agent</dt><dd>${detail.agent_version}, epoch ${detail.epoch}${started}</dd>
      <dt>Boot</dt><dd class="mono">${detail.boot_id || "unknown"}</dd>
      <dt>Key</dt><dd>${detail.key_id ? html`<span class="mono">${detail.key_id}</span>`
        : html`<span class="muted">not known</span>`}</dd>
      <dt>First seen</dt><dd>${time(detail.first_seen_at)}${detail.approved_by ? `, let in by ${detail.approved_by}` : ""}</dd>
    </dl></section>`;
}

/**
 * @param {HostDetail} detail
 * @param {any} host as the inventory has it
 * @param {any} comm what comm-status said; null: not known
 * @param {string} history where revisions and drift are
 */
export function healthPanel(detail, host, comm, history) {
  const now = Date.now();
  return html`<section class="panel"><h2>How it does</h2><dl class="kv">
    <dt>Connection</dt><dd>${hostStatus(detail.state)} since ${duration(now - detail.state_at)}
      ${detail.state === "online" ? nothing : html`<div class="muted">Heard ${ago(detail.heard_at, now)}. ${detail.why}</div>`}
      ${detail.back_by_at ? html`<div class="muted">Means to be back ${ago(detail.back_by_at, now)}</div>` : nothing}</dd>
    <dt>Approval</dt><dd>${detail.approval === "approved" ? "let in" : pill("pend", "◔", detail.approval)}</dd>
    <dt>Clock</dt><dd>${clock(detail.clock)}</dd>
    <dt>Configuration</dt><dd>${syncStatus(detail.sync)} <a href=${history}>revision ${detail.active_revision}</a></dd>
    <dt>Drift</dt><dd>${drift(detail.drift, history)}</dd>
    <dt>Reboot</dt><dd>${reboot(detail.reboot, host?.reboot_required?.reasons ?? [])}</dd>
    <dt>Communication</dt><dd>${communication(comm)}</dd></dl></section>`;
}

/** @param {string} word */
function clock(word) {
  if (word === "synchronised") return pill("ok", "✓", word);
  return word === "unknown" ? pill("off", "◌", word) : pill("warn", "▲", word);
}

/**
 * @param {number | null} count
 * @param {string} history
 */
function drift(count, history) {
  if (count === null) return "unknown";
  if (count === 0) return "none";
  return html`${pill("warn", "▲", `${count} changed behind our back`)} <a href=${history}>See what</a>`;
}

/**
 * @param {boolean | null} needed
 * @param {readonly string[]} reasons
 */
function reboot(needed, reasons) {
  if (needed === null) return "unknown";
  if (!needed) return "not needed";
  return html`${pill("warn", "↻", "needed")}${reasons.map((one) => html`<div class="muted">${one}</div>`)}`;
}

/** @type {Record<string, [string, string]>} */
const COMM = { running: ["ok", "●"], degraded: ["warn", "▲"], stopped: ["off", "○"] };

/** @param {any} comm */
function communication(comm) {
  if (!comm) return pill("off", "◌", "unknown");
  const [kind, glyph] = COMM[comm.state] ?? ["info", "●"];
  const without = comm.stranded.map((/** @type {any} */ one) => one.guest ?? one.name).join(", ");
  return html`${pill(kind, glyph, comm.state)} <span class="muted">${comm.peers.length} attached, ${comm.regions} regions</span>
    ${without ? html`<div class="muted">Without it: ${without}</div>` : nothing}`;
}

/**
 * @param {any} found capabilities; undefined: not known
 */
export function canPanel(found) {
  if (!found) return nothing;
  const sizes = found.hugepages_mib.map((/** @type {number} */ size) => mib(size)).join(", ");
  /** @type {[string, boolean, string][]} */
  const flags = [
    ["KVM", found.kvm, "yes"], ["IOMMU", found.iommu, "yes"], ["Real-time kernel", found.rt_kernel, "yes"],
    ["Cache allocation", found.resctrl, "yes"], ["Emulation", found.tcg, "yes"],
    ["Control groups", found.cgroup !== "none", found.cgroup], ["Huge pages", sizes !== "", sizes],
  ];
  return html`<section class="panel"><h2>What it can do</h2><ul class="plain capabilities">
    ${flags.map(([word, has, said]) => html`<li>${has ? pill("ok", "✓", said) : pill("off", "○", "no")} ${word}</li>`)}</ul>
    ${found.notes.map((/** @type {string} */ note) => html`<p class="muted">${note}</p>`)}</section>`;
}

/**
 * @param {Services} services
 * @param {string} host "site/host"
 */
export function alarmsPanel({ live, router }, host) {
  /** @type {Alarm[]} */
  const alarms = [...live.map("alarm").values()].filter((one) => `${one.site}/${one.host}` === host && !one.cleared_at);
  const now = Date.now();
  return html`<section class="panel"><h2>Alarms</h2>${alarms.length ? html`<ul class="plain">${alarms.map((one) => html`
      <li>${severity(one.severity)} <a href=${router.href("/alarms", { alarm: one.id })}>${one.text || one.rule}</a>
        <span class="muted">${one.part ? `${one.part}, ` : ""}${ago(one.since, now)}${
          one.acknowledged_by ? `, ${one.acknowledged_by} looks after it` : ""}</span></li>`)}</ul>`
    : html`<p class="muted">Nothing is wrong.</p>`}
    <p><a href=${router.href("/alarms", { host })}>Alarms of this host</a></p></section>`;
}

/**
 * @param {Services} services
 * @param {readonly JobView[]} jobs
 */
export function jobsPanel({ router }, jobs) {
  const now = Date.now();
  return html`<section class="panel"><h2>Last jobs</h2>${jobs.length ? html`<ul class="plain">${jobs.map((job) => html`
      <li>${jobStatus(job.state)} <a href=${router.href(`/jobs/${job.id}`)}>${job.operation}</a>
        <span class="muted">${job.person}, ${ago(job.created_at, now)}</span></li>`)}</ul>`
    : html`<p class="muted">Nothing was done with this host from here yet.</p>`}</section>`;
}
