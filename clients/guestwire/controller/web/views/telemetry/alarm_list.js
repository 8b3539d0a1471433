/** Alarms as a list has them: which are shown, their columns, how long they lasted. Nothing is asked here. */

import { html, nothing } from "lit";
import { ago, duration, time } from "../../core/format.js";
import { pill, severity } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["AlarmShown"]} Alarm */
/** @typedef {{state: string, severity: string, rule: string, host: string, q: string}} Wanted */

/** What can be chosen of states; `of`: the states that it is. @type {Record<string, {label: string, of: readonly string[]}>} */
export const STATES = {
  open: { label: "Open", of: ["active", "acknowledged"] },
  active: { label: "Active", of: ["active"] },
  acknowledged: { label: "Acknowledged", of: ["acknowledged"] },
  cleared: { label: "History", of: ["cleared"] },
  all: { label: "All", of: ["active", "acknowledged", "cleared"] },
};
export const SEVERITIES = ["critical", "warning", "info"];

/** @type {Record<string, [kind: string, glyph: string]>} */
const STATE_LOOK = { active: ["err", "●"], acknowledged: ["info", "◐"], cleared: ["off", "✓"] };

/**
 * What an address asks for.
 * @param {URLSearchParams} query
 * @returns {Wanted}
 */
export function wantedOf(query) {
  const word = (/** @type {string} */ name) => query.get(name) ?? "";
  return {
    state: Object.hasOwn(STATES, word("state")) ? word("state") : "open",
    severity: SEVERITIES.includes(word("severity")) ? word("severity") : "",
    rule: word("rule"), host: word("host"), q: word("q").trim().toLowerCase(),
  };
}

/**
 * @param {Alarm} alarm
 * @param {Wanted} wanted
 */
export function fits(alarm, wanted) {
  return STATES[wanted.state].of.includes(alarm.state)
    && (!wanted.severity || alarm.severity === wanted.severity)
    && (!wanted.rule || alarm.rule === wanted.rule)
    && (!wanted.host || `${alarm.site}/${alarm.host}` === wanted.host)
    && (!wanted.q || `${alarm.text} ${alarm.site}/${alarm.host} ${alarm.rule} ${alarm.part}`.toLowerCase().includes(wanted.q));
}

/**
 * How long it was, or is, wrong.
 * @param {Alarm} alarm
 * @param {number} now
 */
export function lasted(alarm, now) {
  return (alarm.cleared_at ?? now) - alarm.since;
}

/** @param {Alarm} alarm */
export function alarmState(alarm) {
  const [kind, glyph] = STATE_LOOK[alarm.state] ?? ["off", "◌"];
  return html`${pill(kind, glyph, alarm.state)}${alarm.source_lost_at && alarm.state !== "cleared"
    ? html` ${pill("off", "◌", "not heard")}` : nothing}`;
}

/**
 * Which host, as a link; the site where it is about a whole site.
 * @param {import("../../core/router.js").Router} router
 * @param {Alarm} alarm
 */
export function whose(router, alarm) {
  if (!alarm.host) return html`site ${alarm.site}`;
  const host = `${alarm.site}/${alarm.host}`;
  return html`<a href=${router.hostHref(host)}>${host}</a>`;
}

/**
 * @param {import("../../core/router.js").Router} router
 * @param {number} now
 * @returns {import("../../parts/table.js").Column[]}
 */
export function alarmColumns(router, now) {
  return [
    { id: "text", label: "Alarm", value: (one) => one.text },
    { id: "severity", label: "Severity", value: (one) => SEVERITIES.indexOf(one.severity),
      cell: (one) => severity(one.severity) },
    { id: "state", label: "State", value: (one) => one.state, cell: alarmState },
    { id: "host", label: "Host", value: (one) => `${one.site}/${one.host}`, cell: (one) => whose(router, one) },
    { id: "rule", label: "Rule", value: (one) => one.rule, cell: (one) => html`<a href=${router.href("/alarms/rules",
      { rule: one.rule })}>${one.rule}</a>` },
    { id: "raised", label: "Raised", value: (one) => one.raised_at, cell: (one) => html`<span
      title=${time(one.raised_at)}>${ago(one.raised_at, now)}</span>` },
    { id: "lasted", label: "Lasted", end: true, value: (one) => lasted(one, now),
      cell: (one) => duration(lasted(one, now)) },
  ];
}
