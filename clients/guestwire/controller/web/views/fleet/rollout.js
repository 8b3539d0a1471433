/** One rollout as it goes: its waves, its hosts, what happened, about when it ends, and what can be done about it. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { counted, duration, time } from "../../core/format.js";
import { isAbort, isFinal } from "../../core/problem.js";
import { word } from "../../core/command_line.js";
import { rolloutControls } from "./rollout_controls.js";
import { waveName } from "./rollout_preview.js";
import { estimatedEnd, rolloutStatus, shareBar } from "./rollout_standing.js";
import { TARGET_STATES, eventList, happened, targetColumns, targetKey } from "./rollout_targets.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutDetail"]} Rollout */
/** @typedef {import("../../types/api.js").components["schemas"]["TargetView"]} Target */

const LOOK_MS = 1000;

export class RolloutPage extends Part {
  static properties = { ...Part.properties, _detail: { state: true }, _targets: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {Rollout | null} */
    this._detail = null;
    /** @type {Target[]} */
    this._targets = [];
    /** @type {Error | null} */
    this._problem = null;
    /** Whether something of it changed since it was read. */
    this._stale = true;
    this.follow("rollout");
  }

  connectedCallback() {
    super.connectedCallback();
    const { live } = this.services;
    const id = this.params.id;
    this.until(live.on("rollout", (changes) => { this._stale ||= !changes.length || changes.some((change) => change.key === id); }));
    this.until(live.on("job", (changes) => { this._stale ||= changes.some((change) => change.document?.rollout === id); }));
    this.every(LOOK_MS, async (signal) => {
      if (this._stale) await this._read(signal);
      else if (this._detail?.state === "running") this.requestUpdate(); // the times
    });
  }

  /** @param {AbortSignal} [signal] */
  async _read(signal) {
    const { api } = this.services;
    this._stale = false;
    try {
      const [detail, targets] = await Promise.all([
        api.get(`/rollouts/${this.params.id}`, {}, signal), api.all(`/rollouts/${this.params.id}/targets`, {}, 10_000, signal),
      ]);
      this._detail = detail;
      this._targets = targets;
      this._problem = null;
    } catch (error) {
      this._stale = !isFinal(/** @type {any} */ (error)); // it is asked again
      if (!isAbort(error)) this._problem = /** @type {Error} */ (error);
    }
  }

  /** What the stream said last goes before what was read. @returns {Rollout | null} */
  get _rollout() {
    return this._detail && { ...this._detail, ...this.services.live.get("rollout", this.params.id) };
  }

  render() {
    const rollout = this._rollout;
    const { router } = this.services;
    if (!rollout) {
      return html`<div class="stack"><h1>Rollout</h1>${this._problem ? empty({
        title: "This rollout cannot be shown", text: this._problem.message, cli: cli(this.services, "guestwire rollout list"),
        action: html`<a class="button" href=${router.href("/rollouts")}>All rollouts</a>`,
      }) : html`<p role="status" aria-busy="true">Asking the controller…</p>`}</div>`;
    }
    const what = rollout.operation ?? `project ${rollout.project}@${rollout.project_revision}`;
    return html`<div class="stack">
      <div class="row"><h1>${rollout.name}</h1> <span role="status">${rolloutStatus(rollout)}</span></div>
      <p>${what} on ${counted(rollout.hosts, "host")}, by ${rollout.person}
        ${rollout.spec.note ? html`<span class="muted">“${rollout.spec.note}”</span>` : nothing}</p>
      ${this._problem ? html`<p class="issue e" role="alert">✕ ${this._problem.message} What is shown may be old.</p>` : nothing}
      ${rollout.reason ? html`<p class="issue w">▲ ${rollout.state}: ${rollout.reason}</p>` : nothing}
      ${rolloutControls(this.services, rollout, () => { this._stale = true; })}
      ${this._approvals()}
      ${this._progress(rollout)}
      <div class="fleet-two">
        <section class="panel"><h2>What happened</h2><div class="fleet-scroll" tabindex="0" role="region" aria-label="What happened">
          ${eventList(happened(rollout, this._targets))}</div></section>
        <section class="panel"><h2>As it was asked for</h2>${asked(rollout, router)}</section>
      </div>
      ${this._hosts(rollout)}
      ${cli(this.services, `guestwire rollout status ${rollout.id} --hosts`)}
    </div>`;
  }

  _approvals() {
    const waiting = new Map();
    for (const { approval_id: id, ready } of this._targets) if (id && !ready) waiting.set(id, (waiting.get(id) ?? 0) + 1);
    return [...waiting].slice(0, 10).map(([id, hosts]) => html`<p class="issue w">▲ ${counted(hosts, "host waits", "hosts wait")} for a signature.
      <button type="button" class="button" @click=${() => this.services.signing.ofApproval(id)}>Sign…</button>
      <a href=${this.services.router.href(`/approvals/${id}`)}>Show the approval</a></p>`);
  }

  /** @param {Rollout} rollout */
  _progress(rollout) {
    const waves = this._detail?.waves ?? [];
    return html`<section class="panel stack"><h2>Progress</h2>
      <p aria-live="polite"><strong>${rollout.done} of ${counted(rollout.hosts, "host")} done.</strong> ${ends(rollout, Date.now())}</p>
      ${waves.length ? html`<table class="table"><caption class="sr">Waves</caption><thead><tr><th scope="col">Wave</th>
        <th scope="col" class="end">Hosts</th><th scope="col">How they fare</th></tr></thead>
        <tbody>${waves.map((wave) => html`<tr><th scope="row">${waveName(wave.wave)}</th><td class="end">${wave.hosts}</td>
          <td>${shareBar(wave.counts, wave.hosts)}</td></tr>`)}</tbody></table>`
        : html`<p class="muted">No wave yet: hosts are chosen when it begins.</p>`}
    </section>`;
  }

  /** @param {Rollout} rollout */
  _hosts(rollout) {
    const { router } = this.services;
    const state = this.query.get("state") ?? "";
    const wave = this.query.get("wave") ?? "";
    const targets = this._targets.filter((one) => (!state || one.state === state) && (!wave || String(one.wave) === wave));
    const waves = [...new Set(this._targets.map((one) => one.wave).filter((one) => one !== null))].sort((a, b) => Number(a) - Number(b));
    return html`<section><h2>Hosts</h2>
      <div class="toolbar">
        ${selectField({ id: "gw-rollout-state", label: "State", value: state, options: [["", "Any state"], ...TARGET_STATES],
          onChange: (/** @type {string} */ value) => router.set({ state: value }) })}
        ${selectField({ id: "gw-rollout-wave", label: "Wave", value: wave, options: [["", "Any wave"],
          ...waves.map((one) => /** @type {[string, string]} */ ([String(one), waveName(one)]))],
          onChange: (/** @type {string} */ value) => router.set({ wave: value }) })}
        <a href=${router.href("/jobs", { rollout: rollout.id })}>Its jobs</a>
      </div>
      <gw-table .services=${this.services} .columns=${targetColumns(this.services, Date.now())} .rows=${targets} .key=${targetKey}
        .sort=${"host"} .caption=${"Hosts of the rollout"} .row_href=${(/** @type {Target} */ one) => router.hostHref(targetKey(one))}
        .empty=${empty({
          title: this._targets.length ? "No host is like that" : "No hosts yet",
          text: this._targets.length ? "Choose another state or wave." : "They are chosen when the rollout begins.",
          cli: cli(this.services, `guestwire fleet list ${word(rollout.spec.targets.selection ?? "")}`),
        })}></gw-table></section>`;
  }
}

/**
 * @param {Rollout} rollout
 * @param {number} now
 */
function ends(rollout, now) {
  const began = rollout.started_at ?? rollout.created_at;
  if (rollout.ended_at) return `Ended ${time(rollout.ended_at)}, after ${duration(rollout.ended_at - began)}.`;
  if (rollout.state === "draft") return "It has not begun.";
  if (rollout.state !== "running") return "It begins no more hosts.";
  const at = estimatedEnd(rollout, now);
  const until = rollout.joining_until ? ` It takes hosts in until ${time(rollout.joining_until)}.` : "";
  return (at === null ? "Nobody can tell yet when it ends." : `It ends about ${time(at)}, in ${duration(at - now)}.`) + until;
}

/**
 * @param {Rollout} rollout
 * @param {import("../../core/router.js").Router} router
 */
function asked({ spec }, router) {
  const { targets, waves, thresholds } = spec;
  const faster = waves?.factor !== 1 ? `, times ${waves?.factor} after each wave` : "";
  const failures = (/** @type {number | null | undefined} */ percent, /** @type {number | null | undefined} */ count) =>
    [percent ? `${percent} %` : "", count ? counted(count, "failure") : ""].filter(Boolean).join(" or ") || "never by itself";
  /** @type {[string, unknown][]} */
  const facts = [
    ["Hosts", targetText(targets, router)],
    ["Which", spec.mode === "continuous" ? `also those that come to match within ${duration((spec.open_s ?? 0) * 1000)}`
      : "those that match when it begins"],
    ["Canary", waves?.canary ? share(waves.canary) : "none"],
    ["Hosts in a wave", waves?.size ? share(waves.size) : "all"],
    ["Pace", waves?.base_rate ? `${waves.base_rate} a minute${faster}` : "all at once"],
    ["A wave is watched for", duration((spec.soak_s ?? 0) * 1000)],
    ["Goes on at", `${thresholds?.success_percent} % success`],
    ["Pauses at", failures(thresholds?.pause_percent, thresholds?.pause_count)],
    ["Aborts at", failures(thresholds?.abort_percent, thresholds?.abort_count)],
    ["Attempts", spec.attempts?.most ?? 1],
    ["Window", spec.window ? html`<a href=${router.href("/windows")}>${spec.window}</a>` : "none"],
    ["Request", Object.keys(spec.body ?? {}).length ? html`<code>${JSON.stringify(spec.body)}</code>` : "nothing of its own"],
  ];
  return html`<dl class="kv">${facts.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}

/**
 * @param {Rollout["spec"]["targets"]} targets
 * @param {import("../../core/router.js").Router} router
 */
function targetText({ selection, group, hosts }, router) {
  if (selection) return html`<a href=${router.href("/", { q: selection })}><code>${selection}</code></a>`;
  return group ? html`<a href=${router.href("/groups", { open: group })}>group ${group}</a>` : counted(hosts?.length ?? 0, "host");
}

/** @param {any} one a number of hosts, a percentage, or their names */
function share({ hosts, percent, count }) {
  if (hosts) return hosts.join(", ");
  return percent === null ? counted(count, "host") : `${percent} %`;
}

customElements.define("gw-rollout", RolloutPage);
