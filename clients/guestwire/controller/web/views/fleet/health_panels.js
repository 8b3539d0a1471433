/** The numbers of the fleet as panels; each number is a link that finds those hosts. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { byState, bySeverity, byVersion, guestCounts, needs } from "./health.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("./health.js").Count} Count */
/** @typedef {import("../../core/services.js").Services} Services */

const VERSIONS = 6;

/**
 * @param {Services} services
 * @param {URLSearchParams} query
 * @param {readonly HostSummary[]} hosts
 * @param {Iterable<any>} alarms
 */
export function healthPanels(services, query, hosts, alarms) {
  const guests = guestCounts(hosts);
  const versions = byVersion(hosts);
  const wanted = needs(hosts);
  const busy = hosts.filter((host) => (host.guests_running ?? 0) > 0).length;
  return html`<section class="fleet-health" aria-label="Health of the fleet">
    ${panel("Hosts", counted(hosts.length, "host"), byState(hosts).map((one) => countLink(services, query, one)))}
    ${panel("Guests", `${guests.running} of ${guests.known} running`, [
      countLink(services, query, { text: "hosts run some", count: busy, q: "running>0", glyph: busy ? "●" : "○", tone: busy ? "ok" : "off" }),
      guests.unknown ? html`<li>◌ ${counted(guests.unknown, "guest")} of hosts that are not there: unknown</li>` : nothing,
    ])}
    ${panel("Alarms", "", bySeverity(alarms).map(({ severity, count, glyph, tone }) => html`<li>
      <a class="fleet-count ${count ? tone : "off"}" href=${services.router.href("/alarms", { severity })}>
        <span aria-hidden="true">${count ? glyph : "○"}</span> <b class="num">${count}</b> ${severity}</a></li>`))}
    ${panel("Needs somebody", wanted.length ? "" : "nothing", wanted.map((one) => countLink(services, query, one)))}
    ${panel("Agent versions", "", [
      ...versions.slice(0, VERSIONS).map((one) => countLink(services, query, one)),
      versions.length > VERSIONS ? html`<li>${counted(versions.length - VERSIONS, "more version")}:
        <a href=${services.router.href("/", { group: "agent" })}>group by agent</a></li>` : nothing,
    ])}
  </section>`;
}

/**
 * @param {string} title
 * @param {string} text
 * @param {unknown[]} lines
 */
function panel(title, text, lines) {
  return html`<div class="panel fleet-panel"><h2>${title}</h2>${text ? html`<p class="fleet-sum">${text}</p>` : nothing}
    ${lines.length ? html`<ul>${lines}</ul>` : nothing}</div>`;
}

/**
 * A count that finds its hosts; once more, and all are shown again.
 * @param {Services} services
 * @param {URLSearchParams} query
 * @param {Count} count
 */
function countLink({ router }, query, { text, count, q, glyph, tone }) {
  const on = query.get("q") === q;
  const href = router.href("/", { group: query.get("group"), sort: query.get("sort"), q: on ? null : q });
  return html`<li><a class="fleet-count ${tone ?? ""}" href=${href} aria-current=${on ? "true" : nothing}>
    ${glyph ? html`<span aria-hidden="true">${glyph}</span>` : nothing} <b class="num">${count}</b> ${text}</a></li>`;
}
