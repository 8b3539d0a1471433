/** What people say of a plan: ask somebody to look, approve, reject, comment. */

import { html, nothing } from "lit";
import { time } from "../../core/format.js";
import { areaField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";

/** @typedef {import("../../types/api.js").components["schemas"]["PlanShown"]} PlanShown */

/** @type {Record<string, [kind: string, glyph: string, word: string]>} */
const STATES = {
  none: ["off", "○", "nobody has looked"], requested: ["pend", "◔", "somebody is asked to look"],
    approved: ["ok", "✓", "approved"],
  rejected: ["err", "✕", "rejected"],
};
/** @type {Record<string, string>} */
const VERBS = { comment: "remarks", request: "asks somebody to look", approve: "approves", reject: "rejects" };
/** @type {readonly [verb: string, label: string][]} */
const ACTIONS = [["comment", "Comment"], ["request", "Ask for a review"], ["approve", "Approve"], ["reject", "Reject"]];

export class PlanReview extends Part {
  static properties = { ...Part.properties, host: {}, plan: { attribute: false }, _note: { state: true },
    _busy: { state: true } };

  constructor() {
    super();
    this.host = "";
    /** @type {PlanShown | null} */
    this.plan = null;
    this._note = "";
    this._busy = false;
  }

  render() {
    if (!this.plan) return nothing;
    const review = this.plan.review;
    const [kind, glyph, word] = STATES[review?.state ?? "none"];
    const may = this.services.session.may("draft-edit", this.host);
    return html`<details class="panel" ?open=${this.plan.review_required || review?.state !== "none"}>
      <summary><strong>Review</strong> ${pill(kind, glyph, word)}${this.plan.review_required
        ? html` <span class="muted">Somebody else has to approve it.</span>` : nothing}</summary>
      <ul class="sync-attention">${(review?.remarks ?? []).map((one) => html`<li><strong>${one.author}</strong>
        ${VERBS[one.verb] ?? one.verb}
        <span class="muted">${time(one.at)}</span>${one.note ? html`<div>${one.note}</div>` : nothing}</li>`)}</ul>
      ${areaField({ id: "gw-plan-review-note", label: "What you say", value: this._note, rows: 2,
        onInput: (value) => { this._note = value; } })}
      <div class="row">${ACTIONS.map(([verb, label]) => html`<button type="button" class="button"
        ?disabled=${!may || this._busy || (verb === "comment" && !this._note.trim())}
        @click=${() => this._say(verb)}>${label}</button>`)}</div>
    </details>`;
  }

  /** @param {string} verb */
  async _say(verb) {
    this._busy = true;
    try {
      const body = { plan_id: this.plan?.plan.plan_id, verb, note: this._note.trim() };
      const { document } = await this.services.api.send("POST", `/drafts/${this.host}/review`, { body });
      this._note = "";
      this.dispatchEvent(new CustomEvent("reviewed", { detail: document }));
    } catch (error) {
      this.services.say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-plan-review", PlanReview);
