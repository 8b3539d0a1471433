/**
 * From a draft to its host: planned there, read, reviewed, applied, confirmed. The address has the plan, so that
 * whoever comes back to it finds the same plan, and the job that carries it out.
 */

import { html, nothing } from "lit";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import "./apply_form.js";
import "./apply_job.js";
import { issueLine } from "./pending.js";
import { planChecks, planItems, planObstacles, planSummary } from "./plan_view.js";
import "./plan_review.js";

/** @typedef {import("../../types/api.js").components["schemas"]["PlanShown"]} PlanShown */

/** Obstacles that another plan removes. */
const AGAIN = new Set(["PLAN-STALE"]);

export class SyncPage extends Part {
  static properties = { ...Part.properties, _plan: { state: true }, _problem: { state: true }, _busy: { state: true },
    _outcome: { state: true } };

  constructor() {
    super();
    /** @type {PlanShown | null} */
    this._plan = null;
    /** @type {any} */
    this._problem = null;
    this._busy = "";
    this._outcome = "";
    this._asked = false;
    this._looking = false;
  }

  get _host() {
    return `${this.params.site}/${this.params.host}`;
  }

  connectedCallback() {
    super.connectedCallback();
    const draft = this.services.drafts.of(this._host);
    const changed = () => {
      this.requestUpdate();
      void this._begin();
    };
    draft.addEventListener("change", changed);
    this.until(() => draft.removeEventListener("change", changed));
    this.watch(this.services.hosts.of(this._host));
    this.until(this.services.live.on("draft", (changes) => {
      const mine = (/** @type {string} */ end) => changes.some((change) => change.key === this._host + end);
      if (mine("/plan") || (mine("") && this._plan && !this._plan.job_id)) void this._read();
    }));
    void this._begin();
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (!changed.has("query") || !this._asked) return;
    const plan_id = this.query.get("plan");
    if (plan_id && plan_id !== this._plan?.plan.plan_id) void this._read();
    if (plan_id || !this._plan) return;
    // somebody wants the draft to be looked at again
    [this._plan, this._asked, this._outcome] = [null, false, ""];
    void this._begin();
  }

  /** Find the plan to show: that of the address; that of the change that the host is at; else have one made. */
  async _begin() {
    const draft = this.services.drafts.of(this._host);
    if (this._looking || this._busy || this._plan || this._problem || !draft.loaded || draft.saving) return;
    const first = !this._asked;
    this._asked = true;
    if (this.query.get("plan")) {
      if (first) await this._read();
      return;
    }
    if (first && (await this._underWay())) return;
    // the draft may have begun since: somebody else edits, or this page was opened at once
    if (draft.document && this.isConnected) await this._make();
    this.requestUpdate();
  }

  /** Whether the host is at a change: then it is shown. */
  async _underWay() {
    this._looking = true;
    const config = await this.services.api.operation(this._host, "config-show").catch(() => null);
    this._looking = false;
    if (!this.isConnected || !config?.plan_id) return false; // else the address is another page's by now
    this.services.router.set({ plan: config.plan_id });
    await this._read();
    return true;
  }

  async _read() {
    const plan_id = this.services.router.query.get("plan");
    if (!plan_id) return;
    try {
      const plan = await this._known(await this.services.api.get(`/drafts/${this._host}/plan`, { plan_id }));
      // another one may have been made while this one was read
      if (plan_id !== this.services.router.query.get("plan") || this._busy === "plan") return;
      [this._plan, this._problem] = [plan, null];
    } catch (error) {
      this._problem = error;
    }
  }

  /**
   * A plan with the job that carries it out: one of before it was made, again and the same, is none of it.
   * @param {PlanShown} plan
   * @returns {Promise<PlanShown>}
   */
  async _known(plan) {
    if (!plan.job_id) return plan;
    const { live, api } = this.services;
    const job = live.get("job", plan.job_id) ?? (await api.get(`/jobs/${plan.job_id}`).catch(() => null));
    return job && job.created_at < plan.at ? { ...plan, job_id: null } : plan;
  }

  /**
   * Have the host plan the draft, or its way back again.
   * @param {object} [options]
   */
  async _make(options = this._plan?.options ?? {}) {
    const { api, router } = this.services;
    const back = this._plan?.origin === "rollback" ? this._plan.to_revision : null;
    this._busy = "plan";
    this._problem = null;
    try {
      const [path, body] = back === null ? ["plan", options] : ["rollback", { ...options, to: back }];
      const { document } = await api.send("POST", `/drafts/${this._host}/${path}`, { body });
      this._plan = await this._known(document);
      this._outcome = "";
      if (this.isConnected) router.set({ plan: document.plan.plan_id });
    } catch (error) {
      this._problem = error;
    } finally {
      this._busy = "";
    }
  }

  render() {
    const draft = this.services.drafts.of(this._host);
    return html`<div class="stack sync-page">
      <header class="row"><h2>Sync</h2><span class="fill"></span>
        ${draft.document || this._plan
          ? html`<button type="button" class="button" ?disabled=${Boolean(this._busy) || this._working}
            @click=${() => this._make()}>Plan again</button>` : nothing}</header>
      ${this._problem ? this._trouble() : nothing}
      ${this._busy === "plan" ? html`<p role="status" aria-busy="true">The host plans …</p>` : nothing}
      ${this._plan ? this._body(this._plan) : this._busy || this._problem ? nothing : this._none(draft)}
    </div>`;
  }

  /** Whether something is under way, which another plan could not change. */
  get _working() {
    return Boolean(this._plan?.job_id) && ["waits", "runs", "confirm", "reboot"].includes(this._outcome);
  }

  _trouble() {
    const problem = this._problem;
    return html`<div class="issue e" role="alert"><p><span
      aria-hidden="true">✕</span> ${problem.message} <code>${problem.code ?? ""}</code></p>
      <button type="button" class="button" @click=${() => this._make()}>Plan again</button></div>`;
  }

  /** @param {import("../../core/drafts.js").Draft} draft */
  _none(draft) {
    if (!draft.loaded || this._looking || (draft.document && !this._plan && !this._asked)) return html`<p
      aria-busy="true">Reading the draft …</p>`;
    const name = this.params.host;
    return empty({
      title: "There is nothing to apply.",
      text: "Switch to Config and change something: it is kept in a draft, and shown here before it touches the host.",
      action: html`<a class="button primary"
        href=${this.services.router.hostHref(this._host, "/cpu", { mode: "config" })}>Edit in Config mode</a>`,
      cli: cli(this.services, `guestwire project plan ${name}`),
    });
  }

  /** @param {PlanShown} shown */
  _body(shown) {
    const { services, _host: host } = this;
    const done = Boolean(shown.job_id);
    return html`<section class="panel stack">${planSummary(services, host, shown)}</section>
      ${done ? html`<gw-apply-job .services=${services} .host=${host} .job=${String(shown.job_id)}
        .plan_id=${shown.plan.plan_id}
        @outcome=${this._came} @again=${() => this._make()}></gw-apply-job>` : nothing}
      ${done ? nothing : planObstacles(shown, (code) => this._remedy(code))}
      <section aria-label="Changes"><h2>Changes</h2>${planItems(services, host, shown.plan.items ?? [])}</section>
      ${done ? nothing : html`<gw-plan-options .services=${services} .plan=${shown} ?busy=${Boolean(this._busy)}
        @plan=${(/** @type {CustomEvent} */ event) => this._make(event.detail)}></gw-plan-options>`}
      ${planChecks(services, host, shown)}
      <gw-plan-review .services=${services} .host=${host} .plan=${shown}
        @reviewed=${(/** @type {CustomEvent} */ event) => { this._plan = event.detail; }}></gw-plan-review>
      ${done ? nothing : html`<gw-apply-form .services=${services} .host=${host} .plan=${shown}
        ?busy=${this._busy === "apply"} @apply=${this._apply}></gw-apply-form>
        ${cli(services, `guestwire project apply ${this.params.host} --plan ${shown.plan.plan_id}`)}`}`;
  }

  /** @param {CustomEvent} event */
  _came({ detail }) {
    this._outcome = detail;
    if (detail === "kept" || detail === "undone") void this.services.drafts.of(this._host).reload();
  }

  /** @param {string} code */
  _remedy(code) {
    if (AGAIN.has(code)) return html`<button type="button" class="button" ?disabled=${Boolean(this._busy)}
      @click=${() => this._make()}>Plan again</button>`;
    if (code === "VALIDATION-FAILED") {
      const errors = (this._plan?.plan.issues ?? []).filter((issue) => issue.severity === "E");
      return html`<ul class="sync-checks">${errors.map((issue) => issueLine(this.services, this._host, issue))}</ul>`;
    }
    if (code !== "BASE-REVISION") return nothing;
    return html`<button type="button" class="button" ?disabled=${Boolean(this._busy)}
      @click=${() => this._merge()}>Put both together, and plan again</button>`;
  }

  async _merge() {
    try {
      await this.services.drafts.of(this._host).pull({ how: "merge" });
      await this._make();
    } catch (error) {
      this._problem = error;
    }
  }

  /** @param {CustomEvent} event */
  async _apply({ detail }) {
    const { api, signing } = this.services;
    this._busy = "apply";
    try {
      const { document } = await api.send("POST", `/drafts/${this._host}/apply`, { body: detail });
      this._problem = null;
      await this._read();
      await this.updateComplete;
      this.querySelector("gw-apply-job")?.scrollIntoView({ block: "start" });
      if (document.state === "waiting-approval") void signing.ofApproval(document.approval_id);
    } catch (error) {
      this._problem = error;
      await this._keepReading();
    } finally {
      this._busy = "";
    }
  }

  /** What is in the way may be something else by now; why it was refused stays on the page. */
  async _keepReading() {
    const plan_id = this._plan?.plan.plan_id;
    const plan = await this.services.api.get(`/drafts/${this._host}/plan`, { plan_id }).catch(() => null);
    if (plan) this._plan = await this._known(plan);
  }
}
customElements.define("gw-sync", SyncPage);
