/** What waits for a signature, and what was decided: who asks for what, on which hosts, until when. Live. */

import { html, nothing } from "lit";
import { ago, time } from "../../core/format.js";
import { riskWords } from "../../core/plan.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import "../../parts/table.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ApprovalView"]} ApprovalView */

/** @type {readonly [value: string, label: string][]} */
const STATES = [
  ["open", "Waiting"], ["mine", "Waiting for my signature"], ["approved", "Approved"], ["rejected", "Rejected"],
    ["expired", "Expired"],
  ["withdrawn", "Withdrawn"], ["all", "All"],
];
/** @type {Record<string, [kind: string, glyph: string, word: string]>} */
const LOOKS = {
  open: ["pend", "◔", "waits"], approved: ["ok", "✓", "approved"], rejected: ["err", "✕", "rejected"],
    expired: ["err", "✕", "expired"],
  withdrawn: ["off", "–", "withdrawn"],
};
const MOST = 500;

/** @param {string} state */
export function approvalStatus(state) {
  const [kind, glyph, word] = LOOKS[state] ?? ["off", "◌", state];
  return pill(kind, glyph, word);
}

export class Approvals extends Part {
  static properties = { ...Part.properties, _items: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {ApprovalView[] | null} */
    this._items = null;
    /** @type {Error | null} */
    this._problem = null;
    this._timer = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("approval", () => this._later()));
    this.until(() => clearTimeout(this._timer));
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("query")) void this._read();
  }

  get _state() {
    return this.query.get("state") ?? "open";
  }

  /** A wave of signatures is one reading. */
  _later() {
    clearTimeout(this._timer);
    this._timer = setTimeout(() => this._read(), 200);
  }

  async _read() {
    const state = this._state;
    const query = state === "mine" ? { mine: true } : state === "all" ? {} : { state };
    try {
      const items = await this.services.api.all("/approvals", query, MOST);
      if (state !== this._state) return;
      [this._items, this._problem] = [items, null];
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  render() {
    return html`<header class="heading"><h1>Approvals</h1></header>
      <p class="muted">What can disrupt something (R2) or destroy something (R3) waits until a person has signed for it
        with a key of their own.</p>
      <div class="toolbar">${selectField({
        id: "gw-approvals-state", label: "Show", value: this._state, options: STATES,
        onChange: (value) => this.services.router.set({ state: value === "open" ? null : value }),
      })}</div>
      ${this._problem ? html`<p class="issue e" role="alert"><span
        aria-hidden="true">✕</span> ${this._problem.message}</p>` : nothing}
      ${this._items ? this._table(this._items) : html`<p class="muted" aria-busy="true">Reading …</p>`}`;
  }

  /** @param {ApprovalView[]} items */
  _table(items) {
    const { services } = this;
    const now = Date.now();
    return html`<gw-table .services=${services} caption="Approvals" .rows=${items} .columns=${[
      { id: "what", label: "Allows", value: (/** @type {ApprovalView} */ one) => one.operations.join(", "),
        cell: (/** @type {ApprovalView} */ one) => html`<a
          href=${services.router.href(`/approvals/${one.id}`)}>${one.operations.join(", ")}</a>` },
      { id: "hosts", label: "On", value: hostsOf },
      { id: "risk", label: "Risk", value: (/** @type {ApprovalView} */ one) => riskWords(one.risk) },
      { id: "person", label: "Asked by", value: (/** @type {ApprovalView} */ one) => one.person },
      { id: "state", label: "State", value: (/** @type {ApprovalView} */ one) => one.state,
        cell: (/** @type {ApprovalView} */ one) => html`${approvalStatus(one.state)} ${one.yours
          ? pill("warn", "▲", "yours to sign") : nothing}` },
      { id: "signed", label: "Signed by", value: (/** @type {ApprovalView} */ one) => (one.signed_by ?? []).join(", ")
        || "nobody" },
      { id: "created_at", label: "Asked", value: (/** @type {ApprovalView} */ one) => one.created_at,
        cell: (/** @type {ApprovalView} */ one) => html`<span
          title=${time(one.created_at)}>${ago(one.created_at, now)}</span>` },
      { id: "expires_at", label: "Until", value: (/** @type {ApprovalView} */ one) => one.expires_at,
        cell: (/** @type {ApprovalView} */ one) => html`<span
          title=${time(one.expires_at)}>${ago(one.expires_at, now)}</span>` },
    ]} .key=${(/** @type {ApprovalView} */ one) => one.id} sort="-created_at" .empty=${this._none()}></gw-table>`;
  }

  _none() {
    const open = this._state === "open" || this._state === "mine";
    return empty({
      title: open ? "Nothing waits for a signature." : "There are none.",
      text: open ? "Power off a guest, or apply a plan that disrupts something: it waits here until it is signed." : "",
      cli: cli(this.services, `guestwire approval list${this._state === "mine" ? " --mine" : ""}`),
    });
  }
}
customElements.define("gw-approvals", Approvals);

/** @param {ApprovalView} one */
function hostsOf(one) {
  const more = one.hosts_total - one.hosts.length;
  return one.hosts.slice(0, 3).join(", ") + (one.hosts_total > 3 ? ` and ${one.hosts.length - 3 + more} more` : "");
}
