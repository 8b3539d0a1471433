/** The rollouts, newest first, each with how far it is. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { ago } from "../../core/format.js";
import { countsText, rolloutStatus, shareBar } from "./rollout_standing.js";
import { waveName } from "./rollout_preview.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutSummary"]} Rollout */

const STATES = ["draft", "running", "paused", "aborting", "aborted", "finished"];

export class RolloutsView extends Part {
  static properties = { ...Part.properties, _read: { state: true }, _problem: { state: true }, _next: { state: true } };

  constructor() {
    super();
    /** Those that the list had; the stream has what is newer. @type {Map<string, Rollout> | null} */
    this._read = null;
    /** @type {string | null} */
    this._next = null;
    /** @type {Error | null} */
    this._problem = null;
    this.follow("rollout");
  }

  connectedCallback() {
    super.connectedCallback();
    void this._page();
    // the stream began anew: what went meanwhile is in the list
    this.until(this.services.live.on("rollout", (changes) => { if (!changes.length) { this._next = null; void this._page(); } }));
    this.every(5000, () => this.requestUpdate());
  }

  async _page() {
    try {
      const page = await this.services.api.get("/rollouts", { limit: 100, cursor: this._next });
      this._read = new Map([...(this._next ? this._read ?? [] : []), ...page.items.map((/** @type {Rollout} */ one) => [one.id, one])]);
      this._next = page.next ?? null;
      this._problem = null;
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  /** @returns {Rollout[]} */
  get _rollouts() {
    const all = new Map([...(this._read ?? []), ...this.services.live.map("rollout")]);
    const state = this.query.get("state");
    return [...all.values()].filter((one) => !state || one.state === state);
  }

  render() {
    const { router, session } = this.services;
    const rollouts = this._rollouts;
    const start = html`<a class="button primary" href=${router.href("/rollouts/new")}
      aria-disabled=${session.may("rollout-start") ? nothing : "true"}>New rollout</a>`;
    return html`<div class="stack">
      <h1>Rollouts</h1>
      <div class="toolbar">
        ${selectField({
          id: "gw-rollouts-state", label: "State", value: this.query.get("state") ?? "", options: [["", "Any state"], ...STATES],
          onChange: (/** @type {string} */ state) => router.set({ state }),
        })}
        <span class="fill"></span>${start}
      </div>
      ${this._problem ? html`<p class="issue e" role="alert">✕ ${this._problem.message}</p>` : nothing}
      ${rollouts.length ? html`<gw-table .services=${this.services} .columns=${columns(Date.now())} .rows=${rollouts} .sort=${"-created"}
          .caption=${"Rollouts"} .row_href=${(/** @type {Rollout} */ one) => router.href(`/rollouts/${one.id}`)}></gw-table>
        ${this._next ? html`<button type="button" class="button" @click=${() => this._page()}>Older rollouts</button>` : nothing}`
        : this._read ? this._none(start) : html`<p role="status" aria-busy="true">Asking the controller…</p>`}
    </div>`;
  }

  /** @param {unknown} start */
  _none(start) {
    const filtered = this.query.get("state");
    return empty({
      title: filtered ? `No rollout is ${filtered}` : "No rollouts yet",
      text: "A rollout does one thing on many hosts, in waves, and stops by itself when too much fails.",
      action: filtered ? html`<a class="button" href=${this.services.router.href("/rollouts")}>Show all</a>` : start,
      cli: cli(this.services, filtered ? `guestwire rollout list --state ${filtered}`
        : "guestwire rollout start boot --operation guests-boot --select state=online --canary 1 --wave 10%"),
    });
  }
}

/**
 * @param {number} now
 * @returns {any[]}
 */
function columns(now) {
  return [
    { id: "name", label: "Name", value: (/** @type {Rollout} */ one) => one.name },
    { id: "what", label: "What", value: (/** @type {Rollout} */ one) => one.operation ?? `project ${one.project}@${one.project_revision}` },
    { id: "state", label: "State", value: (/** @type {Rollout} */ one) => one.state, cell: rolloutStatus },
    {
      id: "wave", label: "Wave", value: (/** @type {Rollout} */ one) => one.wave ?? -1,
      cell: (/** @type {Rollout} */ one) => one.wave === null ? "none yet" : waveName(one.wave),
    },
    {
      id: "done", label: "Done", end: true, value: (/** @type {Rollout} */ one) => one.done,
      cell: (/** @type {Rollout} */ one) => html`<span class="num">${one.done} of ${one.hosts}</span>`,
    },
    {
      id: "hosts", label: "Hosts", value: (/** @type {Rollout} */ one) => countsText(one.counts),
      cell: (/** @type {Rollout} */ one) => shareBar(one.counts, one.hosts),
    },
    { id: "person", label: "Person", value: (/** @type {Rollout} */ one) => one.person },
    {
      id: "created", label: "Made", value: (/** @type {Rollout} */ one) => one.created_at,
      cell: (/** @type {Rollout} */ one) => ago(one.created_at, now),
    },
  ];
}

customElements.define("gw-rollouts", RolloutsView);
