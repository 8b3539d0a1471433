/** What was changed on a host behind our back, what waits for a guest's next start, and what to do about it. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { selectField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { syncStatus } from "../../parts/status.js";
import { itemTable } from "./plan_view.js";

/** @type {readonly [value: string, label: string][]} */
const POLICIES = [["report", "Report it"], ["adopt", "Adopt it"], ["enforce", "Take it back"]];

export class HostDrift extends Part {
  static properties = { ...Part.properties, host: {}, _config: { state: true }, _problem: { state: true },
    _busy: { state: true } };

  constructor() {
    super();
    this.host = "";
    /** @type {any} ConfigShown */
    this._config = null;
    /** @type {Error | null} */
    this._problem = null;
    this._busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(this.services.drafts.of(this.host));
    this.watch(this.services.router);
    void this._read();
    this.until(this.services.live.on("host", (changes) => {
      if (!changes.length || changes.some((change) => change.key === this.host)) void this._read();
    }));
  }

  async _read() {
    try {
      this._config = await this.services.api.operation(this.host, "config-show");
      this._problem = null;
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  render() {
    const config = this._config;
    if (!config) return this._problem ? html`<p class="issue e" role="alert">${this._problem.message}</p>`
      : html`<p class="muted" aria-busy="true">Asking the host …</p>`;
    return html`<div class="stack">
      ${this._problem ? html`<p class="issue w"><span
        aria-hidden="true">▲</span> ${this._problem.message} This is what it said before.</p>` : nothing}
      <p>${syncStatus(config.state)} Revision ${config.revision.number} is active.</p>
      ${config.last_failure
        ? html`<p class="issue w"><span
          aria-hidden="true">▲</span> The last change came to nothing: ${config.last_failure}</p>` : nothing}
      ${this._drift(config.drift)}
      ${this._waits(config.waits)}
      ${config.reboot_required.required
        ? html`<section class="panel"><h2><span aria-hidden="true">↻</span> A reboot is needed</h2>
        <ul>${config.reboot_required.reasons.map((/** @type {string} */ one) => html`<li>${one}</li>`)}</ul></section>`
          : nothing}
      ${this._policy(config)}
      ${cli(this.services, `guestwire project status ${this._name}`)}
    </div>`;
  }

  get _name() {
    return this.host.split("/")[1];
  }

  /** @param {any[]} items */
  _drift(items) {
    if (!items.length) {
      return html`<section class="panel"><h2>Changed behind our back</h2><p><span
        aria-hidden="true">✓</span> Nothing: the host is what its active revision says.</p></section>`;
    }
    const { session } = this.services;
    return html`<section class="panel stack"><h2>Changed behind our back</h2>
      <p>${counted(items.length, "thing")} on the host ${items.length === 1 ? "is"
        : "are"} not what the active revision says. Before: as it is on the host; after: as it shall be.</p>
      <div class="sync-scroll" tabindex="0" role="region"
        aria-label="Drift">${itemTable(this.services, this.host, items, "Drift")}</div>
      <div class="row"><button type="button" class="button"
        ?disabled=${this._busy || !session.may("config-adopt", this.host)} @click=${this._adopt}>Adopt it…</button>
        <button type="button" class="button" ?disabled=${this._busy || !session.may("config-apply", this.host)}
          @click=${this._enforce}>Take it back…</button></div>
      ${cli(this.services, `guestwire project adopt ${this._name} --update`)}</section>`;
  }

  /** @param {any[]} items */
  _waits(items) {
    if (!items.length) return nothing;
    return html`<section class="panel"><h2>Waits for a guest's next start</h2>
      <div class="sync-scroll" tabindex="0" role="region"
        aria-label="Waits for a guest's next start">${itemTable(this.services, this.host, items,
          "Waits for a guest's next start")}</div></section>`;
  }

  /** @param {any} config */
  _policy(config) {
    const draft = this.services.drafts.of(this.host);
    const value = draft.shown?.policy?.on_drift ?? config.desired.policy.on_drift;
    const config_mode = this.services.router.mode === "config";
    const name = POLICIES.find(([one]) => one === value)?.[1] ?? value;
    return html`<section class="panel ${draft.changed("policy.on_drift") ? "changed" : ""}"
      data-path="policy.on_drift"><h2>What happens by itself</h2>
      ${config_mode ? selectField({ id: "gw-host-drift-policy", label: "When somebody changes a guest behind our back",
        value, options: POLICIES,
        onChange: (chosen) => draft.edit([{ op: "set", path: "policy.on_drift", value: chosen }]) })
        : html`<p>When somebody changes a guest behind our back: <strong>${name}</strong>. <a
          href=${this.services.router.href(this.services.router.path,
          { show: "drift", mode: "config" })}>Change it in Config mode</a></p>`}</section>`;
  }

  async _adopt() {
    const { dialogs, jobs } = this.services;
    const sure = await dialogs.confirm({ title: "Adopt what is on the host", action: "Adopt",
      text: "What was changed behind our back becomes the next revision of the host. "
        + "Guests that are gone there are gone from the configuration too." });
    if (!sure) return;
    this._busy = true;
    const made = await jobs.order({ operation: "config-adopt", hosts: [this.host], body: { update: true } });
    for (const job of made) await jobs.ended(job.id).catch(() => null);
    this._busy = false;
    await Promise.all([this._read(), this.services.drafts.of(this.host).reload()]);
  }

  /** What was changed is taken back by applying what is active: the host plans that. */
  async _enforce() {
    const { api, drafts, router, say } = this.services;
    const draft = drafts.of(this.host);
    this._busy = true;
    try {
      if (draft.document && draft.state !== "clean") say.info("The draft has edits of its own: the plan has both.");
      else if (!draft.document) await draft.pull();
      const { document } = await api.send("POST", `/drafts/${this.host}/plan`, { body: {} });
      router.follow(router.hostHref(this.host, "/sync", { plan: document.plan.plan_id }));
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-host-drift", HostDrift);
