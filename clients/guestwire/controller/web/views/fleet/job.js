/** One job: how far it is, what came of it in the host's own words, and what can still be done about it. */

import { html, nothing } from "lit";
import { isFinal } from "../../core/problem.js";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { jobStatus } from "../../parts/status.js";
import { counted, duration, time } from "../../core/format.js";
import { jobActions } from "./job_actions.js";
import { waveName } from "./rollout_preview.js";
import { json, saidDocument } from "./said_document.js";

/** @typedef {import("../../types/api.js").components["schemas"]["JobDetail"]} JobDetail */
/** @typedef {import("../../core/problem.js").Problem} Problem */

const LOOK_MS = 2000;
const ENDED = { succeeded: "ok", canceled: "off" };

export class JobPage extends Part {
  static properties = { ...Part.properties, _detail: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {JobDetail | null} */
    this._detail = null;
    /** @type {Problem | null} */
    this._problem = null;
    this._reading = false;
    /** When it could not be read, Unix ms: it is asked for again, but not at once. */
    this._failedAt = 0;
    this.follow("job");
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(LOOK_MS, () => { if (!this._job?.finished || this._problem) this.requestUpdate(); }); // how long it takes
  }

  willUpdate() {
    const heard = this.services.live.get("job", this.params.id);
    if (this._problem && (isFinal(this._problem) || Date.now() - this._failedAt < LOOK_MS)) return;
    if (!this._detail || this._problem || heard?.revision > this._detail.revision) void this._read();
  }

  /** As it is now: what the stream says last, with what only the page of the job has. @returns {JobDetail | null} */
  get _job() {
    const heard = this.services.live.get("job", this.params.id);
    if (!this._detail) return null;
    return heard && heard.revision >= this._detail.revision ? { ...this._detail, ...heard } : this._detail;
  }

  async _read() {
    if (this._reading) return;
    this._reading = true;
    try {
      this._detail = await this.services.api.get(`/jobs/${this.params.id}`);
      this._problem = null;
    } catch (error) {
      this._problem = /** @type {Problem} */ (error);
      this._failedAt = Date.now();
    }
    this._reading = false;
  }

  render() {
    const job = this._job;
    if (!job) {
      return html`<div class="stack"><h1>Job</h1>${this._problem ? empty({
        title: "This job cannot be shown", text: this._problem.message, cli: cli(this.services, "guestwire job list"),
        action: html`<a class="button" href=${this.services.router.href("/jobs")}>All jobs</a>`,
      }) : html`<p role="status" aria-busy="true">Asking the controller…</p>`}</div>`;
    }
    return html`<div class="stack">
      <div class="row"><h1>${job.operation}</h1> ${jobStatus(job.state)}</div>
      <p>on <a href=${this.services.router.hostHref(job.host)}>${job.host}</a>, asked for by ${job.person}
        ${job.note ? html`<span class="muted">“${job.note}”</span>` : nothing}</p>
      ${this._problem ? html`<p class="issue e" role="alert">✕ ${this._problem.message} What is shown may be old.</p>` : nothing}
      ${jobActions(this.services, job)}
      <div aria-live="polite">${this._now(job)}</div>
      <div class="fleet-two">
        <section class="panel"><h2>Course</h2>${course(job)}</section>
        <section class="panel"><h2>Details</h2>${this._facts(job)}</section>
      </div>
      ${this._error(job)}
      ${job.reply ? html`<section class="panel stack"><h2>Reply of the host</h2>${saidDocument("Reply of the host", job.reply)}</section>` : nothing}
      ${cli(this.services, `guestwire job show ${job.id}`)}
    </div>`;
  }

  /** @param {JobDetail} job */
  _now(job) {
    if (job.finished) {
      const tone = /** @type {Record<string, string>} */ (ENDED)[job.state] ?? "err";
      const took = duration((job.finished_at ?? job.created_at) - job.created_at);
      return html`<p class="pill ${tone}">${job.state.replaceAll("-", " ")} after ${took}</p>`;
    }
    const { progress } = job;
    return html`<div class="panel stack">
      <p><strong>${WHAT[job.state] ?? job.state}</strong> for ${duration(Date.now() - job.created_at)}</p>
      ${progress ? html`<p>${progress.step || "Step"}${progress.message ? `: ${progress.message}` : ""}</p>
        ${progress.percent === null || progress.percent === undefined ? nothing : html`<div class="row">
          <progress class="fleet-progress" max="100" .value=${progress.percent} aria-label="Progress of the job"></progress>
          <span class="num">${progress.percent} %</span></div>`}` : nothing}
      ${job.code ? html`<p class="issue w">▲ ${job.code}: ${job.message}</p>` : nothing}
      ${job.cancel_at ? html`<p class="muted">${job.cancel_by} asked to cancel it; it ends at its next step.</p>` : nothing}
    </div>`;
  }

  /** @param {JobDetail} job */
  _facts(job) {
    const { router } = this.services;
    const link = (/** @type {string} */ path, /** @type {string} */ text) => html`<a href=${router.href(path)}>${text}</a>`;
    /** @type {[string, unknown][]} */
    const facts = [
      ["Job", html`<span class="mono">${job.id}</span>`],
      ["Request at the host", job.request_id ? html`<span class="mono">${job.request_id}</span>` : "not sent yet"],
      ["Risk", RISKS[job.risk] ?? `R${job.risk}`],
      ["Asked through", job.origin],
      ["Must be done by", `${time(job.deadline_at)}${job.deadline_of === "approval" ? " (the end of its approval)" : ""}`],
      ["Not before", job.not_before ? time(job.not_before) : null],
      ["Window", job.window ? link("/windows", job.window) : null],
      ["Approval", job.approval ? link(`/approvals/${job.approval}`, "show it") : null],
      ["Rollout", job.rollout ? link(`/rollouts/${job.rollout}`, `show it, ${waveName(job.wave ?? null)}`) : null],
      ["Plan", job.plan_id ? html`<span class="mono">${job.plan_id}</span>` : null],
      ["Sent", job.attempts ? counted(job.attempts, "time") : "not yet"],
      ["The host has it", job.reached ? "yes" : "unknown"],
      ["Signed end", job.finished ? (job.verified ? "the host's signature vouches for it" : "no signature") : null],
      ["Retry of", job.retry_of ? link(`/jobs/${job.retry_of}`, "the first one") : null],
      ["Tried again", job.retried_by ? link(`/jobs/${job.retried_by}`, "as this one") : null],
    ];
    return html`<dl class="kv">${facts.filter(([, value]) => value !== null).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
  }

  /** @param {JobDetail} job */
  _error(job) {
    if (!job.finished || !job.code) return nothing;
    const error = /** @type {any} */ (job.error ?? {});
    const driver = error.driver_error ?? error.driver;
    return html`<section class="panel stack"><h2>What went wrong</h2>
      <p class="issue e">✕ <code>${job.code}</code> ${job.message}</p>
      ${driver ? html`<h3>The driver's own words</h3>${json("The driver's own words", driver)}` : nothing}
      ${job.error ? html`<details><summary>The whole error</summary>${json("The whole error", job.error)}</details>` : nothing}
    </section>`;
  }
}

const RISKS = ["R0, only reads", "R1, reversible", "R2, disruptive", "R3, destructive"];

/** @type {Record<string, string>} */
const WHAT = {
  "queued": "Waits for its turn", "waiting-approval": "Waits for a signature", "waiting-window": "Waits for its maintenance window",
  "sent": "Sent, the host has not answered yet", "accepted": "The host has it", "running": "Runs",
  "waiting-reboot": "Goes on when the host has rebooted", "overdue": "Overdue: the host has not told how it ended",
};

/** @param {JobDetail} job */
function course(job) {
  /** @type {[string, number | null | undefined][]} */
  const steps = [
    ["asked for", job.created_at], ["sent", job.sent_at], ["accepted by the host", job.accepted_at],
    ["cancel asked for", job.cancel_at], [job.state.replaceAll("-", " "), job.finished_at],
  ];
  return html`<ol class="fleet-course">${steps.filter(([, at]) => at).map(([name, at]) => html`<li>
    <span>${name}</span> <time class="num">${time(at)}</time></li>`)}</ol>`;
}

customElements.define("gw-job", JobPage);
