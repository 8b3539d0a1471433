/**
 * A plan as it is read before it is carried out: what it changes by its effect, what it comes to, what is in its way.
 * Templates only.
 */

import { html, nothing } from "lit";
import { counted, duration, time } from "../../core/format.js";
import { byEffect, itemLine, riskWords, RISKS, SIGNS } from "../../core/plan.js";
import { pill } from "../../parts/status.js";
import { fieldHref } from "./lines.js";
import { checks, impactBox } from "./pending.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../core/plan.js").PlanItem} PlanItem */
/** @typedef {import("../../types/api.js").components["schemas"]["PlanShown"]} PlanShown */

/** @type {Record<string, string>} */
const EFFECT_GLYPHS = { live: "●", guest_restart: "↻", comm_restart: "↻", host_reboot: "↻" };
/** @type {readonly [kind: string, glyph: string][]} */
const RISK_LOOKS = [["off", "○"], ["ok", "●"], ["warn", "▲"], ["err", "✕"]];

/**
 * @param {number} risk
 * @param {boolean} [short] only its class, for rows below a sentence that says what it means
 */
function riskPill(risk, short = false) {
  const [kind, glyph] = RISK_LOOKS[risk] ?? ["off", "◌"];
  return pill(kind, glyph, short
    ? html`<span title=${riskWords(risk)}>R${risk}<span class="sr">, ${RISKS[risk]}</span></span>` : riskWords(risk));
}

/** @param {PlanShown} shown */
function whatOf({ origin, draft_revision, to_revision }) {
  if (origin === "rollback") return `back to revision ${to_revision} of the host`;
  return origin === "rollout" ? "of a rollout" : `of revision ${draft_revision} of the draft`;
}

/**
 * What a plan is of, and what it comes to.
 * @param {Services} services
 * @param {string} host
 * @param {PlanShown} shown
 */
export function planSummary(services, host, shown) {
  const { plan } = shown;
  return html`<dl class="kv">
      <dt>Plan</dt><dd><span class="mono"
        title=${plan.plan_id}>${plan.plan_id.slice(0, 12)}</span>, ${whatOf(shown)}, made by ${shown.author}
          ${time(shown.at)}</dd>
      <dt>From</dt><dd>revision ${plan.base_revision} of the host</dd>
      <dt>Changes</dt><dd>${counted((plan.items ?? []).length, "change")}</dd>
      <dt>Risk</dt><dd>${riskPill(plan.risk ?? 0)}${shown.mandate ? html` <span>It takes your signature.</span>`
        : nothing}</dd>
    </dl>
    ${impactBox(services, host, plan.items ?? [])}`;
}

/**
 * The items of a plan, by what it takes for them to be true.
 * @param {Services} services
 * @param {string} host
 * @param {readonly PlanItem[]} items
 */
export function planItems(services, host, items) {
  if (!items.length) return html`<p role="status">There is nothing to change: the host is what it shall be.</p>`;
  return byEffect(items).map(({ effect, items: several, outage_s }) => html`
    <section class="sync-effect" aria-label=${effect.label}>
      <h3><span aria-hidden="true">${EFFECT_GLYPHS[effect.id]}</span> ${effect.label} <span class="muted">${effect.says}
        ${outage_s ? `Estimated outage ${duration(outage_s * 1000)}.` : ""}</span></h3>
      <div class="sync-scroll" tabindex="0" role="region"
        aria-label=${`Changes: ${effect.label}`}>${itemTable(services, host, several, effect.label)}</div>
    </section>`);
}

/**
 * @param {Services} services
 * @param {string} host
 * @param {readonly PlanItem[]} items
 * @param {string} caption
 */
export function itemTable(services, host, items, caption) {
  return html`<table class="table sync-items"><caption class="sr">${caption}</caption>
    <thead><tr><th scope="col">Change</th><th scope="col">Of</th><th scope="col">What</th><th scope="col">Before</th><th
      scope="col">After</th>
      <th scope="col">Outage</th><th scope="col">Risk</th></tr></thead>
    <tbody>${items.map((item) => itemRow(services, host, item))}</tbody></table>`;
}

/**
 * @param {Services} services
 * @param {string} host
 * @param {PlanItem} item
 */
function itemRow(services, host, item) {
  const line = itemLine(item);
  const { sign, word } = SIGNS[line.kind];
  const notes = [item.drift ? "takes back a change made behind our back" : "", item.waits
    ? "waits for the guest's next start" : "", item.left ? "stays on the host as it is" : ""];
  return html`<tr>
    <td class=${line.kind}><span aria-hidden="true">${sign}</span> ${word}</td><td>${line.group}</td>
    <th scope="row"><a href=${fieldHref(services, host,
      line.path)}>${line.label}</a>${notes.filter((one) => one).map((one) => html`<div
        class="muted">${one}</div>`)}</th>
    <td class="sync-value">${line.before}</td><td
      class="sync-value ${line.kind === "removed" ? "" : line.kind}">${line.after}</td>
    <td class="num">${item.outage_s ? duration(item.outage_s * 1000)
      : "none"}</td><td>${riskPill(item.risk ?? 1, true)}</td></tr>`;
}

/**
 * What is in the way of a plan, each with what to do.
 * @param {PlanShown} shown
 * @param {(code: string) => unknown} remedy what to do about a code; nothing: its text says it
 */
export function planObstacles(shown, remedy) {
  const obstacles = shown.obstacles ?? [];
  if (!obstacles.length) return nothing;
  return html`<section aria-label="In its way"><h2>In its way</h2>
    <ul class="sync-checks">${obstacles.map((one) => html`<li class="issue ${REMEDIED_BELOW.has(one.code) ? "w" : "e"}">
      <span aria-hidden="true">${REMEDIED_BELOW.has(one.code) ? "▲"
        : "✕"}</span> ${TEXTS[one.code] ?? one.message} <code>${one.code}</code>
          ${remedy(one.code)}</li>`)}</ul></section>`;
}

/** What is said of a plan that was not tried yet. @type {Record<string, string>} */
const TEXTS = { "VALIDATION-FAILED": "The draft breaks rules. Mend each error; its link leads to the field:" };

/** What the options of an apply answer: not in the way for good. */
export const REMEDIED_BELOW = new Set(["CONFIRM-REQUIRED", "DESTROY-DISK", "REVIEW-REQUIRED"]);

/**
 * What the host's rules say of a plan.
 * @param {Services} services
 * @param {string} host
 * @param {PlanShown} shown
 */
export function planChecks(services, host, { plan }) {
  return html`<section aria-label="Checks"><h2>Checks at the host</h2>
    ${checks(services, host,
      { issues: plan.issues ?? [], not_checked: plan.not_checked ?? [], more: plan.more_issues })}</section>`;
}
