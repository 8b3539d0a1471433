/** Groups of hosts, each with its count and health, opened and closed; the address remembers which are open. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { counted } from "../../core/format.js";
import { pill } from "../../parts/status.js";
import "./when_near.js";
import { byState, guestCounts, needs } from "./health.js";

/** @typedef {import("./host_groups.js").HostGroup} HostGroup */
/** @typedef {import("../../core/services.js").Services} Services */

/** With more hosts than that groups begin closed. */
const OPEN_AT_FIRST = 60;
const NONE = "~";
/** With more rows than that on the page, only those tables are there that are near what is seen. */
const MANY = 120;
const ROW = 33;

/**
 * @param {Services} services
 * @param {URLSearchParams} query
 * @param {readonly HostGroup[]} groups
 * @param {(group: HostGroup) => unknown} hosts what is in an open one
 */
export function groupSections(services, query, groups, hosts) {
  const open = openOnes(query, groups);
  const many = groups.reduce((sum, group) => sum + (open.has(group.id) ? group.hosts.length : 0), 0) > MANY;
  const set = (/** @type {Set<string>} */ next) => services.router.set({ open: next.size ? [...next].map(encode).join(",") : NONE });
  return html`<div class="toolbar">
      <span class="fill">${counted(groups.length, "group")}</span>
      <button type="button" class="button quiet" @click=${() => set(new Set(groups.map((group) => group.id)))}>Open all</button>
      <button type="button" class="button quiet" @click=${() => set(new Set())}>Close all</button>
    </div>
    <div class="fleet-groups">${repeat(groups, (group) => group.id, (group, at) => {
      const shown = open.has(group.id);
      return html`<section class="panel fleet-group" aria-labelledby="gw-fleet-group-${at}">
        <h2 id="gw-fleet-group-${at}"><button type="button" class="fleet-toggle" aria-expanded=${shown} @click=${() => {
          const next = new Set(open);
          if (!next.delete(group.id)) next.add(group.id);
          set(next);
        }}><span aria-hidden="true">${shown ? "▾" : "▸"}</span> ${group.title}
          <span class="num">${counted(group.hosts.length, "host")}</span></button></h2>
        <p class="fleet-group-health">${health(group)}</p>
        ${group.q ? html`<a href=${services.router.href("/", { q: group.q })} aria-label="Only these: ${group.title}">Only these</a>` : nothing}
        ${shown ? html`<div class="fleet-group-hosts">${inside(group, hosts, many)}</div>` : nothing}
      </section>`;
    })}</div>`;
}

/**
 * @param {HostGroup} group
 * @param {(group: HostGroup) => unknown} hosts
 * @param {boolean} many
 */
function inside(group, hosts, many) {
  if (!group.hosts.length) return html`<p class="muted">None of the hosts found is in it.</p>`;
  return many ? html`<gw-when-near .content=${() => hosts(group)} .height=${(group.hosts.length + 1) * ROW}></gw-when-near>` : hosts(group);
}

/** @param {HostGroup} group */
function health({ hosts }) {
  const guests = guestCounts(hosts);
  const states = [...byState(hosts), ...needs(hosts)];
  return html`${states.map(({ text, count, glyph, tone }) => pill(tone ?? "off", glyph ?? "○", `${count} ${text}`))}
    <span class="muted">${guests.running} of ${guests.known} guests running${guests.unknown
      ? `, ${guests.unknown} unknown` : ""}</span>`;
}

/**
 * @param {URLSearchParams} query
 * @param {readonly HostGroup[]} groups
 * @returns {Set<string>}
 */
function openOnes(query, groups) {
  const said = query.get("open");
  if (said !== null) return new Set(said === NONE ? [] : said.split(",").map(decodeURIComponent));
  const hosts = groups.reduce((sum, group) => sum + group.hosts.length, 0);
  return new Set(hosts > OPEN_AT_FIRST ? [] : groups.map((group) => group.id));
}

/** A comma within a label's value is none between two. @param {string} id */
function encode(id) {
  return encodeURIComponent(id);
}
