/** What a rollout would do, as the controller says before it begins: hosts, waves, times, who must sign. */

import { html, nothing } from "lit";
import { counted, duration, time } from "../../core/format.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Preview"]} Preview */
/** @typedef {import("../../types/api.js").components["schemas"]["PreviewHosts"]} PreviewHosts */
/** @typedef {import("../../types/api.js").components["schemas"]["PreviewWave"]} PreviewWave */

const NAMED = 8;
const RISKS = ["R0, it only reads", "R1, reversible", "R2, disruptive", "R3, destructive"];

/**
 * @param {Preview} preview
 * @param {number} now Unix ms
 */
export function previewPanel(preview, now) {
  const { hosts, away, approvals, skipped, waves, more_hosts: more, begun_at: begun, opens_at: opens } = preview;
  return html`<section class="panel stack" aria-labelledby="gw-rollout-preview">
    <h2 id="gw-rollout-preview">Preview</h2>
    <dl class="kv">
      <dt>Hosts</dt><dd><strong>${counted(hosts, "host")}</strong></dd>
      <dt>Away now</dt><dd>${away.hosts ? html`▲ ${some(away)}` : "none"}</dd>
      <dt>Risk</dt><dd>${preview.risk === null ? "by each host's plan" : RISKS[preview.risk]}</dd>
      <dt>Signatures</dt><dd>${approvals.hosts ? html`▲ ${counted(approvals.hosts, "host needs", "hosts need")} somebody's signature first:
        ${named(approvals)}` : "none needed"}</dd>
      ${opens === null ? nothing : html`<dt>Window opens</dt><dd>${time(opens)}</dd>`}
      <dt>Last host begins</dt><dd>${begun === null ? "cannot be told" : about(begun, now)}</dd>
    </dl>
    ${skipped.map((one) => html`<p class="issue w">▲ ${counted(one.hosts, "host takes", "hosts take")} no part (${one.code}):
      ${named(one)}. ${one.message}</p>`)}
    <table class="table"><caption class="sr">Waves of the rollout</caption>
      <thead><tr><th scope="col">Wave</th><th scope="col" class="end">Hosts</th><th scope="col">Pace</th><th scope="col">Begins</th>
        <th scope="col">Which</th></tr></thead>
      <tbody>${waves.map((wave) => row(wave, now))}</tbody></table>
    ${more ? html`<p class="muted">${counted(more, "more host")} in waves that are not listed.</p>` : nothing}
  </section>`;
}

/**
 * @param {PreviewWave} wave
 * @param {number} now
 */
function row(wave, now) {
  return html`<tr><th scope="row">${waveName(wave.wave)}</th><td class="end">${wave.hosts}</td>
    <td>${wave.rate === null ? "all at once" : `${wave.rate} a minute`}</td>
    <td>${wave.begins_at === null ? "when its window opens" : about(wave.begins_at, now)}</td><td>${named(wave)}</td></tr>`;
}

/**
 * A wave as people call it.
 * @param {number | null} wave
 */
export function waveName(wave) {
  return wave === null ? "later" : wave === 0 ? "canary" : `wave ${wave}`;
}

/**
 * @param {number} at
 * @param {number} now
 */
function about(at, now) {
  return at <= now + 2000 ? "at once" : `about ${time(at)} (in ${duration(at - now)})`;
}

/** @param {{hosts: number, first: readonly string[]}} some_ */
function named({ hosts, first }) {
  const names = first.slice(0, NAMED).join(", ");
  return hosts > NAMED ? `${names} and ${hosts - NAMED} more` : names;
}

/** @param {PreviewHosts} hosts */
function some(hosts) {
  return `${hosts.hosts}: ${named(hosts)}`;
}
