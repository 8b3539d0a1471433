/** What is missing of the telemetry of a time, and whose clocks were wrong, as text. */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { counted, duration, time } from "../../core/format.js";
import { rangeWords } from "../../core/metric_queries.js";

/** @typedef {{gaps: import("../../core/metric_queries.js").Gap[], clocks: import("../../core/metric_queries.js").Clock[]}} Gaps */

const WHY = {
  dropped: "dropped: the disk's share was full", unreadable: "unreadable",
};

/**
 * One line where something is missing, nothing where all is there.
 * @param {Gaps | null} found
 */
export function gapsLine(found) {
  if (!found || (!found.gaps.length && !found.clocks.length)) return nothing;
  const said = [
    found.gaps.length ? `${counted(found.gaps.length, "gap")} in the telemetry of this time` : "",
    found.clocks.length ? `${counted(found.clocks.length, "host")} had a wrong clock` : "",
  ].filter(Boolean).join("; ");
  return html`<p class="issue w" role="status"><span
    aria-hidden="true">▲</span> ${said}: what the charts show is not all there was.
    The record has the details.</p>`;
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {Gaps | null} found
 * @param {string} host "site/host"; empty: every host
 * @param {import("../../core/time_range.js").TimeRange} range
 */
export function gapsPanel(services, found, host, range) {
  const line = cli(services, ["guestwire metrics gaps", host, rangeWords(range)].filter(Boolean).join(" "));
  return html`<section class="panel stack" aria-labelledby="telemetry-gaps">
    <h2 id="telemetry-gaps">What is missing</h2>
    ${!found ? html`<p class="muted">Reading…</p>` : found.gaps.length ? gapTable(found.gaps) : empty({
      title: "Nothing is missing", text: "Every batch of this time has come. A longer time is chosen above.", cli: line,
    })}
    ${found?.clocks.map((one) => html`<p class="issue w"><span
      aria-hidden="true">▲</span> The clock of ${one.site}/${one.host} was
      wrong: its times were shifted by ${duration(Math.abs(one.offset_ms))}, last on ${time(one.at)}. Where its samples lie is an
      estimate.</p>`) ?? nothing}
    ${found?.gaps.length ? line : nothing}
  </section>`;
}

/** @param {Gaps["gaps"]} gaps */
function gapTable(gaps) {
  return html`<table class="table">
    <caption class="sr">Gaps in the telemetry, the newest first</caption>
    <thead><tr><th scope="col">Host</th><th scope="col">From</th><th scope="col">To</th><th scope="col">What</th>
      <th scope="col" class="end">Batches</th><th scope="col">Why</th></tr></thead>
    <tbody>${gaps.map((one) => html`<tr><th scope="row">${one.site}/${one.host}</th><td>${time(one.since)}</td>
      <td>${time(one.until)}</td><td>${one.spool_class}</td><td class="end">${one.numbers}</td>
      <td>${WHY[/** @type {keyof typeof WHY} */ (one.why)] ?? one.why}${one.text ? html`: ${one.text}`
        : nothing}</td></tr>`)}</tbody>
  </table>`;
}
