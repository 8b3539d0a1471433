/** The rollouts, newest first, each with how far it is. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { Pages } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { ago } from "../../core/format.js";
import { countsText, rolloutStatus, shareBar } from "./rollout_standing.js";
import { waveName } from "./rollout_preview.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RolloutSummary"]} Rollout */

const STATES = ["draft", "running", "paused", "aborting", "aborted", "finished"];

export class RolloutsView extends Part {
  constructor() {
    super();
    /** Those that the list had; the stream has what is newer. @type {Pages<Rollout>} */
    this.pages = new Pages(this, (cursor, signal) => this._page(cursor, signal));
    this._asked = "";
    this.follow("rollout");
  }

  connectedCallback() {
    this._asked = this._state;
    super.connectedCallback();
    // the stream began anew: what went meanwhile is in the list
    this.until(this.services.live.on("rollout", (changes) => { if (!changes.length) void this.pages.again(); }));
    this.every(5000, () => this.requestUpdate());
  }

  get _state() {
    const state = this.query.get("state") ?? "";
    return STATES.includes(state) ? state : "";
  }

  /**
   * @param {string | null} cursor
   * @param {AbortSignal} signal
   */
  _page(cursor, signal) {
    return this.services.api.get("/rollouts", { state: this._state || null, limit: 100, cursor }, signal);
  }

  willUpdate() {
    if (this._asked === this._state) return;
    this._asked = this._state;
    void this.pages.again();
  }

  /** @returns {Rollout[]} */
  get _rollouts() {
    const read = this.pages.items.map((one) => /** @type {[string, Rollout]} */ ([one.id, one]));
    const all = new Map([...read, ...this.services.live.map("rollout")]);
    return [...all.values()].filter((one) => !this._state || one.state === this._state);
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
          id: "gw-rollouts-state", label: "State", value: this._state, options: [["", "Any state"], ...STATES],
          onChange: (/** @type {string} */ state) => router.set({ state }),
        })}
        <span class="fill"></span>${start}
      </div>
      ${trouble(this.pages.error, () => void this.pages.again())}
      ${rollouts.length ? html`<gw-table .services=${this.services} .columns=${columns(Date.now())} .rows=${rollouts} .sort=${"-created"}
          .caption=${"Rollouts"} .row_href=${(/** @type {Rollout} */ one) => router.href(`/rollouts/${one.id}`)}></gw-table>`
        : this.pages.busy ? html`<p role="status" aria-busy="true">Asking the controller…</p>`
          : this.pages.error ? nothing : this._none(start)}
      ${this.pages.next ? html`<button type="button" class="button" ?disabled=${this.pages.busy} @click=${() => this.pages.more()}>
        Older rollouts</button>` : nothing}
    </div>`;
  }

  /** @param {unknown} start */
  _none(start) {
    const filtered = this._state;
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
