/**
 * An apply while it is carried out and after: its stages and steps, the countdown of a confirmation, and what came of
 * it.
 */

import { html, nothing } from "lit";
import { duration, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";
import { jobStatus } from "../../parts/status.js";
import { ENDS, outcome, stages } from "./apply_stages.js";

/** @typedef {import("../../types/api.js").components["schemas"]["JobDetail"]} JobDetail */

const LOOK_MS = 2000;
const TICK_MS = 500;
/** @type {Record<string, [glyph: string, word: string]>} */
const STANDINGS = { done: ["✓", "done"], now: ["◐", "now"], ahead: ["○", "to come"], failed: ["✕", "failed"] };

export class ApplyJob extends Part {
  static properties = {
    ...Part.properties, host: {}, job: {}, plan_id: {}, _job: { state: true }, _config: { state: true },
      _steps: { state: true },
    _problem: { state: true }, _busy: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    /** The id of the job. */
    this.job = "";
    this.plan_id = "";
    /** @type {JobDetail | null} */
    this._job = null;
    /** @type {any} how the host stands (ConfigShown) */
    this._config = null;
    /** Steps that were heard. @type {string[]} */
    this._steps = [];
    /** @type {Error | null} */
    this._problem = null;
    this._busy = "";
    /** The id of the job that was ordered here: to keep it, or to undo it. */
    this._order = "";
    this._told = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("job", (changes) => {
      const mine = changes.find((change) => change.key === this.job)?.document;
      if (mine) this._hear(mine);
      if (!changes.length) void this._read();
    }));
    this.until(this.services.live.on("host", (changes) => {
      if (changes.some((change) => change.key === this.host)) void this._look();
    }));
    this.every(LOOK_MS, () => this._look());
    this.every(TICK_MS, () => {
      if (this._config?.confirm_by) this.requestUpdate();
    });
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("job") && this.job) {
      [this._job, this._config, this._steps] = [null, null, []];
      void this._read();
    }
  }

  async _read() {
    try {
      const job = await this.services.api.get(`/jobs/${this.job}`);
      this._problem = null;
      this._hear(job);
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  /** @param {any} job a JobView, or a JobDetail */
  _hear(job) {
    const step = [job.progress?.step, job.progress?.message].filter((one) => one).join(": ");
    if (step && this._steps[this._steps.length - 1] !== step) this._steps = [...this._steps, step];
    const whole = "reply" in job;
    this._job = whole ? job : { ...this._job, ...job };
    if (job.finished && !whole) void this._read();
    else if (job.finished) void this._look();
  }

  /** How the host stands, while that is of interest. */
  async _look() {
    const job = this._job;
    const state = /** @type {any} */ (job?.reply)?.state;
    if (!job?.finished || job.state !== "succeeded"
      || (state !== "confirm_wait" && state !== "waiting_reboot")) return this._tell();
    if (this._config && outcome(job, this._config) === "kept") return this._tell();
    // a host that is away says nothing: what was known of it stays
    this._config = await this.services.api.operation(this.host, "config-show").catch(() => this._config);
    this._tell();
  }

  /** Tell the page what came of it, once. */
  _tell() {
    if (!this._job) return;
    const found = outcome(this._job, this._config);
    if (found === this._told) return;
    this._told = found;
    this.dispatchEvent(new CustomEvent("outcome", { detail: found }));
  }

  render() {
    const job = this._job;
    if (!job) return this._problem ? html`<p class="issue e" role="alert">${this._problem.message}</p>`
      : html`<p aria-busy="true">Reading the job …</p>`;
    const found = outcome(job, this._config);
    return html`<section class="panel stack" aria-label="Progress">
      <h2>Progress ${jobStatus(job.state)} <a href=${this.services.router.href(`/jobs/${job.id}`)}>Job</a></h2>
      <ol class="sync-stages">${stages(job, found).map((stage) => {
        const [glyph, word] = STANDINGS[stage.standing];
        return html`<li class=${stage.standing}><span aria-hidden="true">${glyph}</span><span
          class="sr">${word}:</span> ${stage.label}
          ${stage.at ? html`<span class="muted">${time(stage.at)}</span>` : nothing}</li>`;
      })}</ol>
      ${this._running(job)}
      <div role="status" aria-live="polite">${this._says(job, found)}</div>
    </section>`;
  }

  /** @param {JobDetail} job */
  _running(job) {
    const percent = job.progress?.percent;
    return html`${!job.finished && percent !== null && percent !== undefined
      ? html`<progress max="100" value=${percent} aria-label="How far it is">${percent} %</progress>` : nothing}
      ${this._steps.length ? html`<ol class="sync-steps"
        aria-label="Steps">${this._steps.map((step) => html`<li>${step}</li>`)}</ol>` : nothing}`;
  }

  /**
   * @param {JobDetail} job
   * @param {import("./apply_stages.js").Outcome} found
   */
  _says(job, found) {
    const says = { waits: () => this._waits(job), runs: () => this._runs(job), confirm: () => this._confirm(),
      reboot: () => this._reboot(),
      kept: () => this._kept(job), undone: () => this._undone(job), failed: () => this._failed(job),
        ended: () => this._failed(job) };
    return says[found]();
  }

  /** @param {JobDetail} job */
  _waits(job) {
    const cancel = html`<button type="button" class="button" ?disabled=${Boolean(this._busy)}
      @click=${() => this._end("cancel-job")}>Do not apply it</button>`;
    if (job.state === "waiting-approval") {
      return html`<p><span aria-hidden="true">◔</span> It disrupts something: it waits until somebody has signed for
        it.</p>
        <div class="row"><button type="button" class="button primary"
          @click=${() => this.services.signing.ofApproval(String(job.approval))}>Sign…</button>
          <a href=${this.services.router.href(`/approvals/${job.approval}`)}>The approval</a>${cancel}</div>`;
    }
    return html`<p><span aria-hidden="true">◔</span> It waits${job.window ? ` for the maintenance window ${job.window}`
      : ""}${job.not_before ? ` until ${time(job.not_before)}` : ""}.</p>
      <div class="row">${cancel}</div>`;
  }

  /** @param {JobDetail} job */
  _runs(job) {
    return html`<p>${job.state === "queued" ? "It is about to be sent." : job.message || "The host is at it."}</p>
      <button type="button" class="button" ?disabled=${Boolean(this._busy)}
        @click=${() => this._end("cancel-job")}>Cancel</button>`;
  }

  _confirm() {
    const by = this._config?.confirm_by;
    const left = by ? by - this.services.live.now() : null;
    return html`<div class="sync-countdown">
      <p><span aria-hidden="true">◔</span> It is done, and undone again unless it is confirmed${left === null ? "."
        : left > 0
        ? html` within <strong class="num" role="timer">${duration(left)}</strong>.` : ": the time is over."}</p>
      <p>Look whether the host and its guests are as they shall be, and whether you reach them.</p>
      <div class="row"><button type="button" class="button primary" ?disabled=${Boolean(this._busy)}
        @click=${() => this._end("confirm")}>Confirm</button>
        <button type="button" class="button danger" ?disabled=${Boolean(this._busy)}
          @click=${() => this._end("cancel")}>Undo now</button></div>${this._ordered()}</div>`;
  }

  /** What was ordered and waits for a signature, as long as it does. */
  _ordered() {
    const { live, signing } = this.services;
    const approval = this._order && live.get("job", this._order)?.state === "waiting-approval"
      ? live.get("job", this._order).approval : null;
    if (!approval) return nothing;
    return html`<p><span aria-hidden="true">◔</span> What you chose waits for a signature, and the host goes on counting.
      <button type="button" class="button" @click=${() => signing.ofApproval(approval)}>Sign…</button></p>`;
  }

  _reboot() {
    const { commands } = this.services;
    const command = commands.host.find((one) => one.id === "reboot");
    return html`<p><span aria-hidden="true">↻</span> It is done as far as it can be: the host has to be rebooted. It
      goes on by itself afterwards.</p>
      <div class="row">${command
        ? html`<button type="button" class="button"
          @click=${() => commands.run(command, { host: this.host })}>Reboot the host…</button>` : nothing}
        <button type="button" class="button danger" ?disabled=${Boolean(this._busy)}
          @click=${() => this._end("cancel")}>Undo now</button></div>${this._ordered()}`;
  }

  /** @param {JobDetail} job */
  _kept(job) {
    const number = /** @type {any} */ (job.reply)?.revision?.number;
    return html`<p><strong><span aria-hidden="true">✓</span> In sync.</strong> The host has revision ${number} now.
      <a href=${this.services.router.hostHref(this.host, "/history")}>History</a></p>`;
  }

  /** @param {JobDetail} job */
  _undone(job) {
    const why = /** @type {any} */ (job.reply)?.state === "waiting_reboot"
      ? "It was undone before the reboot" : "It was not confirmed, and is undone";
    return html`<p class="issue w"><span aria-hidden="true">▲</span> ${why}: the host is what it was before.
      ${this._config?.last_failure ? html`<span class="mono">${this._config.last_failure}</span>` : nothing}</p>
      ${this._again()}`;
  }

  /** @param {JobDetail} job */
  _failed(job) {
    const detail = /** @type {any} */ (job.error)?.detail ?? {};
    const left = detail.left ?? [];
    return html`<div class="issue e"><p><strong><span
      aria-hidden="true">✕</span> ${ENDS[job.state] ?? job.state}</strong> ${job.message ?? ""}
        <code>${job.code ?? ""}</code></p>
      ${detail.step ? html`<p>It failed at: ${detail.step}</p>` : nothing}
      ${left.length ? html`<p>This could not be undone, and is left on the
        host:</p><ul>${left.map((/** @type {string} */ one) => html`<li>${one}</li>`)}</ul>`
        : job.code === "ROLLED-BACK" ? html`<p>Everything that was done before is undone: the host is what it was.</p>`
          : nothing}</div>
      ${this._again()}`;
  }

  _again() {
    return html`<div class="row"><button type="button" class="button"
      @click=${() => this.dispatchEvent(new CustomEvent("again"))}>Plan again</button>
      ${cli(this.services, `guestwire project status ${this.host.split("/")[1]}`)}</div>`;
  }

  /** @param {"confirm" | "cancel" | "cancel-job"} how */
  async _end(how) {
    const { api, say, signing } = this.services;
    this._busy = how;
    try {
      if (how === "cancel-job") {
        await api.send("POST", `/jobs/${this.job}/cancel`);
        await this._read();
        return;
      }
      const { document } = await api.send("POST", `/drafts/${this.host}/${how}`, { body: { plan_id: this.plan_id } });
      this._order = document.job_id;
      void this._ended(document.job_id, how === "confirm" ? "Confirmed: it is kept." : "It is undone.");
      // who does not sign now may choose otherwise: the host counts down meanwhile
      if (document.state === "waiting-approval") void signing.ofApproval(document.approval_id);
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = "";
    }
  }

  /**
   * Say how an order ended.
   * @param {string} id of its job
   * @param {string} done what is said when it was done
   */
  async _ended(id, done) {
    const { jobs, say } = this.services;
    try {
      const end = await jobs.ended(id);
      if (end.state === "succeeded") say.done(done);
      else say.problem(new Error(`${end.operation}: ${end.message ?? end.state}`));
    } catch (error) {
      say.problem(error);
    }
    await this._look();
  }
}
customElements.define("gw-apply-job", ApplyJob);
