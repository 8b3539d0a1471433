/**
 * What needs somebody's attention on a host while it runs: its guest that is shown, alarms, drift, reboots, what waits
 * for a signature.
 */

import { html, nothing } from "lit";
import { ago } from "../../core/format.js";
import { guestStatus, hostStatus, jobStatus, severity, syncStatus } from "../../parts/status.js";

/** @typedef {import("../../core/services.js").Services} Services */

/**
 * @param {Services} services
 * @param {string} host "site/host"
 */
export function attention(services, host) {
  const data = services.hosts.of(host);
  const detail = data.detail;
  if (!detail) return html`<p class="muted" aria-busy=${data.error ? "false" : "true"}>${data.error ? data.error.message
    : "Reading …"}</p>`;
  const parts = [drift(services, host, detail), reboot(data), alarms(services, host),
    waiting(services, host)].filter((one) => one !== nothing);
  return html`<div class="sync-drawer">
    <header class="sync-drawer-head"><h2>${detail.label || detail.host}</h2>${hostStatus(detail.state)}</header>
    ${guest(services, host)}
    <h3 class="sync-group">Needs attention</h3>
    ${parts.length ? parts
      : html`<p><span aria-hidden="true">✓</span> Nothing. It is ${detail.sync === "in_sync" ? "in sync, and "
        : ""}without alarms.</p>`}
    <p class="muted">To change something, switch to Config: edits are kept in a draft and touch the host when you apply
      them.</p>
  </div>`;
}

/**
 * @param {Services} services
 * @param {string} host
 */
function guest(services, host) {
  const name = services.router.params.guest;
  const found = name ? services.hosts.of(host).guest(name) : undefined;
  if (!found) return nothing;
  return html`<h3 class="sync-group">guest / ${found.name}</h3>
    <p>${guestStatus(found.state)} <span class="muted">${ago(found.as_of, Date.now())}</span></p>
    ${found.reason ? html`<p class="muted">${found.reason}</p>` : nothing}`;
}

/**
 * @param {Services} services
 * @param {string} host
 * @param {{sync: string, drift: number | null}} detail
 */
function drift(services, host, detail) {
  if (detail.sync === "in_sync" || !detail.sync) return nothing;
  const href = detail.sync === "drifted" ? services.router.hostHref(host, "/history", { show: "drift" })
    : services.router.hostHref(host, "/sync");
  const says = detail.sync === "drifted" && detail.drift ? `${detail.drift} changed behind our back` : "see Sync";
  return html`<p>${syncStatus(detail.sync)} <a href=${href}>${says}</a></p>`;
}

/** @param {import("../../core/hosts.js").HostData} data */
function reboot(data) {
  if (!data.detail?.reboot) return nothing;
  /** @type {string[]} */
  const reasons = data.inventory?.host?.reboot_required?.reasons ?? [];
  return html`<div class="issue w"><span aria-hidden="true">↻</span> A reboot is needed.
    ${reasons.length ? html`<ul>${reasons.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}</div>`;
}

/**
 * @param {Services} services
 * @param {string} host
 */
function alarms(services, host) {
  const found = [...services.live.map("alarm").values()].filter((one) => `${one.site}/${one.host}` === host
    && one.state !== "cleared");
  if (!found.length) return nothing;
  return html`<ul class="sync-attention">${found.slice(0, 8).map((one) => html`<li>${severity(one.severity)}
      <a href=${services.router.href("/alarms", { q: one.host })}>${one.text || one.rule}</a></li>`)}
    ${found.length > 8 ? html`<li class="muted">and ${found.length - 8} more</li>` : nothing}</ul>`;
}

/**
 * @param {Services} services
 * @param {string} host
 */
function waiting(services, host) {
  const found = [...services.live.map("job").values()].filter((job) => job.host === host && !job.finished
    && job.state.startsWith("waiting"));
  if (!found.length) return nothing;
  return html`<ul class="sync-attention">${found.slice(0, 8).map((job) => html`<li>${jobStatus(job.state)}
    <a href=${job.approval && job.state === "waiting-approval" ? services.router.href(`/approvals/${job.approval}`)
      : services.router.href(`/jobs/${job.id}`)}>${job.operation}</a>
    <span class="muted">asked by ${job.person}</span></li>`)}</ul>`;
}
