/** How a rollout stands, in words and bars: its state, its hosts by state, about when it ends. */

import { html, nothing, svg } from "lit";
import { pill } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutSummary"]} Rollout */
/** @typedef {Record<string, number>} Counts hosts by state */

/** @type {Record<string, [string, string]>} */
const LOOKS = {
  draft: ["off", "○"], running: ["info", "●"], paused: ["warn", "❙❙"], aborting: ["warn", "▲"], aborted: ["err", "✕"],
  finished: ["off", "✓"],
};
/** @type {Record<string, [string, string, string]>} */
const OUTCOMES = { succeeded: ["ok", "✓", "succeeded"], partly: ["warn", "▲", "partly succeeded"], failed: ["err", "✕", "failed"] };

/** @type {Record<string, string>} */
const DOING = {
  beginning: "begins hosts", waiting: "waits for hosts", soaking: "watches the wave", joining: "waits for hosts that come to match",
};

/** @param {Rollout} rollout */
export function rolloutStatus(rollout) {
  const outcome = rollout.outcome ? OUTCOMES[rollout.outcome] : null;
  const [kind, glyph] = LOOKS[rollout.state] ?? ["off", "◌"];
  return outcome ? pill(...outcome) : html`${pill(kind, glyph, rollout.state)}
    ${rollout.doing ? html`<span class="muted">${DOING[rollout.doing]}</span>` : nothing}`;
}

/** Parts of a bar, from done to open: which states, how they look. @type {readonly {tone: string, states: readonly string[]}[]} */
const PARTS = [
  { tone: "ok", states: ["succeeded"] },
  { tone: "warn", states: ["alarmed", "rolled-back", "overdue"] },
  { tone: "err", states: ["failed", "timed-out", "rejected", "indeterminate"] },
  { tone: "info", states: ["sent", "accepted", "running", "waiting-reboot"] },
  { tone: "pend", states: ["queued", "waiting-approval", "waiting-window"] },
  { tone: "off", states: ["skipped", "canceled"] },
];

/**
 * Hosts by state, those first that there are most of.
 * @param {Counts} counts
 */
export function countsText(counts) {
  const found = Object.entries(counts).filter(([, count]) => count).sort(([a, one], [b, other]) => other - one || (a < b ? -1 : 1));
  return found.map(([state, count]) => `${count} ${state.replaceAll("-", " ")}`).join(", ") || "none yet";
}

/**
 * A bar of hosts by state, with the numbers in words beside it.
 * @param {Counts} counts
 * @param {number} hosts
 */
export function shareBar(counts, hosts) {
  let from = 0;
  const parts = PARTS.map(({ tone, states }) => {
    const count = states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
    const part = { tone, from, width: hosts ? count * 100 / hosts : 0 };
    from += part.width;
    return part;
  });
  return html`<span class="fleet-share"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">${parts.map((part) =>
    part.width ? svg`<rect class=${part.tone} x=${part.from} y="0" width=${part.width} height="8"></rect>` : nothing)}</svg>
    <span>${countsText(counts)}</span></span>`;
}

/**
 * About when it ends, Unix ms, if hosts go on as they did until now; null: nobody can tell.
 * @param {Rollout} rollout
 * @param {number} now Unix ms
 */
export function estimatedEnd(rollout, now) {
  if (rollout.state !== "running" || rollout.started_at === null || rollout.doing === "joining") return null;
  const left = rollout.hosts - rollout.done;
  if (left <= 0) return rollout.soak_until ?? now;
  const byRate = rollout.rate ? left * 60_000 / rollout.rate : 0;
  if (!rollout.done && !rollout.rate) return null;
  const byPace = rollout.done ? left * (now - rollout.started_at) / rollout.done : 0;
  return Math.max(rollout.next_at ?? 0, now + Math.max(byRate, byPace));
}
