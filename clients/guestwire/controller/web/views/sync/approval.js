/** One approval: what it allows, who signed, the jobs that wait for it; signing and rejecting it. Live. */

import { html, nothing } from "lit";
import { time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";
import { jobStatus } from "../../parts/status.js";
import { approvalStatus } from "./approvals.js";
import "./sign_approval.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ApprovalDetail"]} ApprovalDetail */

const SHOWN_JOBS = 50;

export class ApprovalPage extends Part {
  static properties = { ...Part.properties, _approval: { state: true }, _jobs: { state: true } };

  constructor() {
    super();
    /** @type {ApprovalDetail | null} */
    this._approval = null;
    /** @type {Map<string, any>} */
    this._jobs = new Map();
    this.follow("job");
  }

  render() {
    const approval = this._approval;
    return html`<div class="stack"><header class="heading"><h1>Approval</h1>${approval ? approvalStatus(approval.state)
      : nothing}</header>
      ${approval ? this._decided(approval) : nothing}
      <section class="panel"><h2>What it allows</h2>
        <gw-sign-approval .services=${this.services} .approval=${this.params.id}
          @read=${this._read}></gw-sign-approval></section>
      ${approval ? html`${this._signers(approval)}${this._waiting(approval)}` : nothing}
      <section class="panel"><h2>The same on the command line</h2>
        ${cli(this.services, `guestwire approval show ${this.params.id}`)}${cli(this.services,
          `guestwire approval sign ${this.params.id}`)}</section></div>`;
  }

  /** @param {CustomEvent} event */
  _read({ detail }) {
    if (!detail) return;
    this._approval = detail.approval;
    void this._readJobs(detail.approval.jobs ?? []);
  }

  /** @param {string[]} ids */
  async _readJobs(ids) {
    const several = await Promise.all(ids.slice(0,
      SHOWN_JOBS).map((id) => this.services.live.get("job",
        id) ?? this.services.api.get(`/jobs/${id}`).catch(() => null)));
    this._jobs = new Map(several.filter((one) => one).map((one) => [one.id, one]));
  }

  /** @param {ApprovalDetail} approval */
  _decided(approval) {
    if (!approval.decided_at) return nothing;
    return html`<p>Decided ${time(approval.decided_at)}${approval.decided_by
      ? html` by <strong>${approval.decided_by}</strong>` : nothing}${approval.reason
      ? html`: “${approval.reason}”` : ""}</p>`;
  }

  /** @param {ApprovalDetail} approval */
  _signers(approval) {
    const made = approval.mandates.flatMap((one) => (one.signatures ?? []).map((signature) => ({ ...signature,
      n: one.n })));
    const needed = Math.max(1, ...approval.mandates.map((one) => one.needed));
    return html`<section class="panel"><h2>Signatures</h2>
      <p>It takes ${needed === 1 ? "one signer" : `${needed} different signers`}.</p>
      ${made.length ? html`<table class="table"><caption class="sr">Signatures</caption>
        <thead><tr><th scope="col">Signed as</th><th scope="col">Person</th><th scope="col">Key</th><th
          scope="col">Text</th><th scope="col">When</th></tr></thead>
        <tbody>${made.map((one) => html`<tr><th scope="row" class="mono">${one.principal}</th><td>${one.person}</td><td
          class="mono">${one.key_id}</td>
          <td class="num">${one.n + 1}</td><td>${time(one.at)}</td></tr>`)}</tbody></table>`
            : html`<p class="muted">Nobody has signed yet.</p>`}</section>`;
  }

  /** @param {ApprovalDetail} approval */
  _waiting(approval) {
    const ids = approval.jobs ?? [];
    if (!ids.length) return nothing;
    const { live, router } = this.services;
    return html`<section class="panel"><h2>Jobs that go by it</h2><ul
      class="sync-attention">${ids.slice(0, SHOWN_JOBS).map((id) => {
      const job = live.get("job", id) ?? this._jobs.get(id);
      return html`<li>${job ? jobStatus(job.state) : nothing} <a href=${router.href(`/jobs/${id}`)}>${job
        ? `${job.operation} on ${job.host}` : id}</a></li>`;
    })}${ids.length > SHOWN_JOBS ? html`<li class="muted">and ${ids.length - SHOWN_JOBS} more</li>`
      : nothing}</ul></section>`;
  }
}
customElements.define("gw-approval", ApprovalPage);
