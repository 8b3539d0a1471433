/** The hosts of a rollout: a table with state, code, words and job, and what happened to them in the order of time. */

import { html, nothing } from "lit";
import { jobStatus, pill } from "../../parts/status.js";
import { ago, time } from "../../core/format.js";
import { waveName } from "./rollout_preview.js";

/** @typedef {import("../../types/api.js").components["schemas"]["TargetView"]} Target */
/** @typedef {import("../../types/api.js").components["schemas"]["RolloutDetail"]} Rollout */

export const TARGET_STATES = [
  "planned", "queued", "waiting-approval", "waiting-window", "sent", "accepted", "running", "waiting-reboot", "overdue", "succeeded",
  "failed", "canceled", "timed-out", "rejected", "indeterminate", "rolled-back", "skipped",
];
const MOST_EVENTS = 60;

/** @param {Target} target */
export function targetKey(target) {
  return `${target.site}/${target.host}`;
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {number} now Unix ms
 * @returns {any[]}
 */
export function targetColumns(services, now) {
  const { router } = services;
  return [
    { id: "host", label: "Host", value: targetKey },
    { id: "wave", label: "Wave", value: (/** @type {Target} */ one) => one.wave ?? 1e9, cell: (/** @type {Target} */ one) => waveName(one.wave) },
    { id: "state", label: "State", value: (/** @type {Target} */ one) => one.state, cell: stateCell },
    { id: "code", label: "Code", value: (/** @type {Target} */ one) => one.code ?? "" },
    { id: "message", label: "Message", value: (/** @type {Target} */ one) => one.message ?? "" },
    { id: "attempt", label: "Attempt", end: true, value: (/** @type {Target} */ one) => one.attempt },
    {
      id: "job", label: "Job", value: (/** @type {Target} */ one) => one.job_id ?? "",
      cell: (/** @type {Target} */ one) => html`${one.job_id
        ? html`<a href=${router.href(`/jobs/${one.job_id}`)} aria-label="Job of ${targetKey(one)}">job</a>` : "none yet"}
        ${one.approval_id && !one.ready ? html`<a href=${router.href(`/approvals/${one.approval_id}`)}>approval</a>` : nothing}`,
    },
    {
      id: "settled", label: "Ended", value: (/** @type {Target} */ one) => one.settled_at ?? 0,
      cell: (/** @type {Target} */ one) => one.settled_at ? ago(one.settled_at, now)
        : one.retry_at ? html`again ${ago(one.retry_at, now)}` : "not yet",
    },
  ];
}

/** @param {Target} target */
function stateCell(target) {
  if (target.alarm) return pill("warn", "▲", "succeeded, then an alarm");
  if (target.state === "planned") return pill("off", "○", target.ready ? "planned" : "planned, not signed yet");
  return target.state === "skipped" ? pill("off", "–", "takes no part") : jobStatus(target.state);
}

/**
 * What happened, newest first: of the rollout as a whole, and to each of its hosts.
 * @param {Rollout} rollout
 * @param {readonly Target[]} targets
 * @returns {{at: number, text: string, tone: string}[]}
 */
export function happened(rollout, targets) {
  /** @type {{at: number, text: string, tone: string}[]} */
  const found = [{ at: rollout.created_at, text: `made by ${rollout.person}`, tone: "" }];
  if (rollout.started_at) found.push({ at: rollout.started_at, text: `begun, ${rollout.hosts} hosts`, tone: "" });
  if (rollout.ended_at) found.push({ at: rollout.ended_at, text: rollout.state + (rollout.reason ? `: ${rollout.reason}` : ""), tone: "" });
  for (const target of targets) {
    if (target.started_at) found.push({ at: target.started_at, text: `${targetKey(target)} begun, ${waveName(target.wave)}`, tone: "" });
    if (target.settled_at) {
      const why = target.state === "succeeded" ? "" : [target.code, target.message].filter(Boolean).join(", ");
      found.push({
        at: target.settled_at, tone: target.state === "succeeded" ? "ok" : "err",
        text: `${targetKey(target)} ${target.state.replaceAll("-", " ")}${why ? `: ${why}` : ""}`,
      });
    }
  }
  return found.sort((one, other) => other.at - one.at).slice(0, MOST_EVENTS);
}

/** @param {{at: number, text: string, tone: string}[]} events */
export function eventList(events) {
  return html`<ol class="fleet-course">${events.map(({ at, text, tone }) => html`<li>
    <span class=${tone}>${tone ? html`<span aria-hidden="true">${tone === "ok" ? "●" : "✕"}</span> ` : nothing}${text}</span>
    <time class="num">${time(at)}</time></li>`)}</ol>`;
}
