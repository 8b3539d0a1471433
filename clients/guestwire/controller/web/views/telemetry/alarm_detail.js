/** One alarm, with everything that is known of it and what can be done. */

import { html, nothing } from "lit";
import { duration, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { severity } from "../../parts/status.js";
import { alarmState, lasted, whose } from "./alarm_list.js";

/** @typedef {import("./alarm_list.js").Alarm} Alarm */

/** How much of the time around it the telemetry shows. */
const AROUND_MS = 15 * 60_000;

/**
 * @param {import("../../core/services.js").Services} services
 * @param {Alarm} alarm
 * @param {{now: number, close: () => void, say: (what: "acknowledge" | "clear") => void}} given
 */
export function alarmDetail(services, alarm, { now, close, say }) {
  const { router } = services;
  return html`<section class="panel stack alarm-detail" aria-labelledby="alarm-detail">
    <div class="row"><h2 id="alarm-detail" class="fill" tabindex="-1">${alarm.text}</h2>
      <button type="button" class="button quiet" aria-label="Close the alarm" @click=${close}>✕</button></div>
    <p class="row">${severity(alarm.severity)} ${alarmState(alarm)}</p>
    <dl class="kv">
      <dt>Host</dt><dd>${whose(router, alarm)}</dd>
      ${alarm.part ? html`<dt>About</dt><dd class="mono">${alarm.part}</dd>` : nothing}
      <dt>Rule</dt><dd><a href=${router.href("/alarms/rules", { rule: alarm.rule })}>${alarm.rule}</a></dd>
      ${alarm.value === null ? nothing : html`<dt>Value</dt><dd class="num">${alarm.value}</dd>`}
      <dt>Holds since</dt><dd>${time(alarm.since)}</dd>
      <dt>Raised</dt><dd>${time(alarm.raised_at)}${alarm.times > 1
        ? html`, ${alarm.times} times, last ${time(alarm.last_at)}` : nothing}</dd>
      <dt>Lasted</dt><dd>${duration(lasted(alarm, now))}${alarm.state === "cleared" ? nothing : " until now"}</dd>
      ${alarm.source_lost_at ? html`<dt>Not heard</dt>
        <dd>since ${time(alarm.source_lost_at)}: nobody knows whether it holds on</dd>` : nothing}
      ${alarm.acknowledged_at ? html`<dt>Acknowledged</dt>
        <dd>${time(alarm.acknowledged_at)} by ${alarm.acknowledged_by}</dd>` : nothing}
      ${alarm.note ? html`<dt>Note</dt><dd>${alarm.note}</dd>` : nothing}
      ${alarm.cleared_at ? html`<dt>Over</dt><dd>${time(alarm.cleared_at)}${alarm.cleared_by
        ? html` by ${alarm.cleared_by}` : ", by itself"}</dd>` : nothing}
    </dl>
    <div class="toolbar">${buttons(services, alarm, say)}
      ${alarm.host ? html`<a href=${router.hostHref(`${alarm.site}/${alarm.host}`, "/telemetry", {
        from: alarm.since - AROUND_MS, to: Math.min(now, (alarm.cleared_at ?? now) + AROUND_MS),
      })}>Telemetry of that time</a>` : nothing}</div>
    ${cli(services, `guestwire alarm show ${alarm.id}`)}
  </section>`;
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {Alarm} alarm
 * @param {(what: "acknowledge" | "clear") => void} say
 */
function buttons({ session }, alarm, say) {
  if (alarm.state === "cleared") return nothing;
  const host = alarm.host ? `${alarm.site}/${alarm.host}` : "";
  return html`
    ${alarm.state === "active" ? html`<button type="button" class="button primary"
      ?disabled=${!session.may("alarm-ack", host)}
      @click=${() => say("acknowledge")}>Acknowledge…</button>` : nothing}
    <button type="button" class="button" ?disabled=${!session.may("alarm-clear", host)}
      @click=${() => say("clear")}>Clear…</button>`;
}
