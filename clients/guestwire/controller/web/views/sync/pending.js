/**
 * What is pending in a draft: its changes object by object, what they come to, and what the rules say. Templates only.
 */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { named } from "../../core/places.js";
import { grouped, holding, impact, itemLine } from "../../core/plan.js";
import { hardwareButton } from "./hardware_sync.js";
import { changeLine, fieldHref } from "./lines.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../types/api.js").components["schemas"]["Issue"]} Issue */
/** @typedef {import("../../core/drafts.js").Draft} Draft */

const RUNS = new Set(["running", "ready", "starting", "paused", "stopping"]);

/**
 * The names of the guests of a host that run now.
 * @param {Services} services
 * @param {string} host
 * @returns {string[]}
 */
export function runningGuests(services, host) {
  const several = services.hosts.of(host).detail?.guest_list ?? [];
  return several.filter((guest) => RUNS.has(guest.state)).map((guest) => guest.name);
}

/**
 * The changes of a draft, each with a link to its field.
 * @param {Services} services
 * @param {string} host
 * @param {Draft} draft
 */
export function pendingChanges(services, host, draft) {
  const lines = draft.items.map((item) => itemLine(item));
  return grouped(lines).map(({ group, lines: several }) => html`
    <h3 class="sync-group">${group}</h3>
    <ul class="sync-lines">${several.map((line) => changeLine(line, fieldHref(services, host, line.path)))}</ul>`);
}

/**
 * What the changes come to, for what runs.
 * @param {Services} services
 * @param {string} host
 * @param {readonly import("../../core/plan.js").PlanItem[]} items
 */
export function impactBox(services, host, items) {
  const found = impact(items, runningGuests(services, host));
  const grave = found.affected.length > 0 || found.reboot || found.waits.length > 0;
  return html`<p class="sync-impact ${grave ? "grave" : ""}" role="status">
    <span aria-hidden="true">${grave ? "▲" : "✓"}</span> Impact: ${grave ? found.text
      : "nothing that runs is interrupted."}</p>`;
}

/**
 * An issue with a link to its field.
 * @param {Services} services
 * @param {string} host
 * @param {Issue} issue
 */
export function issueLine(services, host, issue) {
  const [glyph, word] = issue.severity === "E" ? ["✕", "error"] : ["▲", "warning"];
  const { group } = named(issue.path);
  return html`<li class="issue ${issue.severity === "E" ? "e" : "w"}">
    <span aria-hidden="true">${glyph}</span> <span class="sr">${word}:</span>
    <a href=${fieldHref(services, host, issue.path)} title=${`${issue.code}, ${issue.path}`}>${issue.message}</a>
    <span class="muted">${group}, ${issue.code}</span>
    ${issue.hint ? html`<span class="sync-hint">${issue.hint}</span>` : nothing}</li>`;
}

/**
 * What the rules say: errors first, then reminders, then what holds, then what only the host can check.
 * @param {Services} services
 * @param {string} host
 * @param {{issues: readonly Issue[], not_checked: readonly string[], more?: number}} found
 */
export function checks(services, host, { issues, not_checked, more = 0 }) {
  const errors = issues.filter((issue) => issue.severity === "E");
  const others = issues.filter((issue) => issue.severity !== "E");
  return html`<ul class="sync-checks">
      ${[...errors, ...others].map((issue) => issueLine(services, host, issue))}
      ${more ? html`<li class="muted">At least ${counted(more, "issue")} more.</li>` : nothing}
      ${holding(issues, not_checked).map((says) => html`<li class="holds"><span aria-hidden="true">✓</span><span
        class="sr">holds:</span> ${says}</li>`)}
    </ul>
    ${hardwareButton(services, host, issues)}
    ${not_checked.length ? html`<details
      class="sync-unchecked"><summary>Not checked here: ${counted(not_checked.length, "rule")}</summary>
      <p class="muted">The host checks them when it plans: ${not_checked.join(", ")}.</p></details>` : nothing}`;
}
