/** How the fleet does, counted: hosts by state, guests, alarms, drift, reboots, versions. Pure; each count has the selection it is of. */

import { term } from "../../core/selection.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("../../types/api.js").components["schemas"]["AlarmShown"]} AlarmShown */
/** @typedef {{text: string, count: number, q: string, tone?: string, glyph?: string}} Count */

/** States of hosts in the order in which they are shown, each with its look. */
export const STATES = [
  { state: "online", glyph: "●", tone: "ok" },
  { state: "suspect", glyph: "▲", tone: "warn" },
  { state: "flapping", glyph: "▲", tone: "warn" },
  { state: "offline", glyph: "✕", tone: "err" },
  { state: "unknown", glyph: "◌", tone: "off" },
];

/** From worst to least. */
export const SEVERITIES = [
  { severity: "critical", glyph: "✕", tone: "err" },
  { severity: "warning", glyph: "▲", tone: "warn" },
  { severity: "info", glyph: "●", tone: "info" },
];

/**
 * Hosts by state, those states that there are.
 * @param {readonly HostSummary[]} hosts
 * @returns {Count[]}
 */
export function byState(hosts) {
  const counts = countBy(hosts, (host) => host.state);
  return STATES.filter(({ state }) => counts.has(state)).map(({ state, glyph, tone }) => ({
    text: state, count: counts.get(state) ?? 0, q: term("state", state), glyph, tone,
  }));
}

/**
 * What needs somebody: approval, drift, reboot, a sync that is not in order.
 * @param {readonly HostSummary[]} hosts
 * @returns {Count[]}
 */
export function needs(hosts) {
  return [
    { text: "waiting for approval", count: count(hosts, (host) => host.approval === "pending"), q: "approval=pending", glyph: "○" },
    { text: "rejected", count: count(hosts, (host) => host.approval === "rejected"), q: "approval=rejected", glyph: "✕" },
    { text: "drifted", count: count(hosts, (host) => (host.drift ?? 0) > 0), q: "drift>0", glyph: "▲" },
    { text: "reboot needed", count: count(hosts, (host) => host.reboot === true), q: "reboot=yes", glyph: "↻" },
    {
      text: "clock unsynchronised", count: count(hosts, (host) => host.clock === "unsynchronised"),
      q: "clock=unsynchronised", glyph: "▲",
    },
  ].filter((one) => one.count > 0).map((one) => ({ ...one, tone: "warn" }));
}

/**
 * Guests of these hosts. `unknown`: guests of hosts that cannot say now how many run.
 * @param {readonly HostSummary[]} hosts
 */
export function guestCounts(hosts) {
  let running = 0;
  let known = 0;
  let unknown = 0;
  for (const host of hosts) {
    if (host.guests_running === null) unknown += host.guests;
    else {
      running += host.guests_running;
      known += host.guests;
    }
  }
  return { running, known, unknown, total: known + unknown };
}

/**
 * Hosts by the version of their agent, most first.
 * @param {readonly HostSummary[]} hosts
 * @returns {Count[]}
 */
export function byVersion(hosts) {
  const counts = countBy(hosts.filter((host) => host.agent_version), (host) => host.agent_version);
  return [...counts].sort(([a, one], [b, other]) => other - one || natural(b, a)).map(([version, hosts_]) => ({
    text: version, count: hosts_, q: term("agent", version),
  }));
}

/**
 * Alarms that are open, by severity.
 * @param {Iterable<AlarmShown>} alarms
 */
export function bySeverity(alarms) {
  const counts = countBy([...alarms].filter((alarm) => alarm.state !== "cleared"), (alarm) => alarm.severity);
  return SEVERITIES.map((one) => ({ ...one, count: counts.get(one.severity) ?? 0 }));
}

/**
 * Open alarms of every host.
 * @param {Iterable<AlarmShown>} alarms
 * @returns {Map<string, AlarmShown[]>} by "site/host"
 */
export function alarmsByHost(alarms) {
  /** @type {Map<string, AlarmShown[]>} */
  const found = new Map();
  for (const alarm of alarms) {
    if (alarm.state === "cleared") continue;
    const key = `${alarm.site}/${alarm.host}`;
    const several = found.get(key);
    if (several) several.push(alarm);
    else found.set(key, [alarm]);
  }
  return found;
}

/**
 * Texts with numbers in them, as people order them.
 * @param {string} a
 * @param {string} b
 */
export function natural(a, b) {
  return NATURAL.compare(a, b);
}

const NATURAL = new Intl.Collator(undefined, { numeric: true });

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => string} word
 * @returns {Map<string, number>}
 */
function countBy(items, word) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const item of items) counts.set(word(item), (counts.get(word(item)) ?? 0) + 1);
  return counts;
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {(item: T) => boolean} holds
 */
function count(items, holds) {
  return items.reduce((sum, item) => sum + (holds(item) ? 1 : 0), 0);
}
