/** Maintenance windows: when work may be begun. Each with its times, and whether it is open now. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { pill } from "../../parts/status.js";
import { duration, time } from "../../core/format.js";
import { Newest } from "../../core/newest.js";
import { openTexts } from "./window_words.js";
import { editWindow } from "./window_form.js";

/** @typedef {import("../../types/api.js").components["schemas"]["WindowView"]} WindowView */

const LOOK_MS = 30_000;

export class WindowsView extends Part {
  static properties = { ...Part.properties, _read: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {WindowView[] | null} */
    this._read = null;
    /** @type {Error | null} */
    this._problem = null;
    this._newest = new Newest();
  }

  connectedCallback() {
    super.connectedCallback();
    // whether one is open changes with the clock: the stream only tells of those that somebody changed
    this.every(LOOK_MS, () => this._ask());
    this.until(this.services.live.on("window", () => void this._ask()));
  }

  async _ask() {
    const counts = this._newest.ask();
    try {
      const windows = await this.services.api.all("/windows");
      if (!counts()) return;
      this._read = windows;
      this._problem = null;
    } catch (error) {
      if (counts()) this._problem = /** @type {Error} */ (error);
    }
  }

  render() {
    const may = this.services.session.may("window-set");
    const make = html`<button type="button" class="button primary" ?disabled=${!may} title=${may ? nothing : "Your role does not allow it."}
      @click=${() => editWindow(this.services, null)}>New window…</button>`;
    return html`<div class="stack">
      <div class="row"><h1>Maintenance windows</h1><span class="fill"></span>${make}</div>
      <p class="muted">Jobs and rollouts that go by a window begin nothing outside of it.</p>
      ${this._problem ? html`<p class="issue e" role="alert">✕ ${this._problem.message}</p>` : nothing}
      ${this._read ? this._table(this._read, may, make) : html`<p role="status" aria-busy=${this._problem ? "false" : "true"}>
        ${this._problem ? nothing : "Asking the controller…"}</p>`}
      ${this._read?.length ? cli(this.services, "guestwire window list") : nothing}
    </div>`;
  }

  /**
   * @param {WindowView[]} windows
   * @param {boolean} may
   * @param {unknown} make
   */
  _table(windows, may, make) {
    const none = empty({
      title: "No maintenance windows yet", text: "Say when work on hosts may be begun, as the nights of a week.", action: make,
      cli: cli(this.services, "guestwire window put night --open mon-fri 22:00-04:00 --zone Europe/Berlin"),
    });
    return html`<gw-table .services=${this.services} .columns=${this._columns(may)} .rows=${windows} .sort=${"name"} .empty=${none}
      .key=${(/** @type {WindowView} */ one) => one.name} .caption=${"Maintenance windows"}></gw-table>`;
  }

  /**
   * @param {boolean} may
   * @returns {any[]}
   */
  _columns(may) {
    const { router } = this.services;
    return [
      { id: "name", label: "Name", value: (/** @type {WindowView} */ one) => one.name },
      { id: "state", label: "State", value: (/** @type {WindowView} */ one) => one.open_until ? 0 : one.opens_at ?? 1e15, cell: stateCell },
      { id: "open", label: "Open", fixed: true, value: (/** @type {WindowView} */ one) => openTexts(one.window).join("; ") },
      { id: "zone", label: "Time zone", value: (/** @type {WindowView} */ one) => one.window.time_zone },
      { id: "note", label: "What it is for", value: (/** @type {WindowView} */ one) => one.window.note },
      { id: "by", label: "Changed by", value: (/** @type {WindowView} */ one) => one.changed_by },
      {
        id: "do", label: "Do", fixed: true, value: () => "",
        cell: (/** @type {WindowView} */ one) => html`<span class="fleet-do">
          <button type="button" class="button quiet" aria-label="Edit… ${one.name}" ?disabled=${!may}
            @click=${() => editWindow(this.services, one)}>Edit…</button>
          <button type="button" class="button quiet" aria-label="Remove… ${one.name}" ?disabled=${!may}
            @click=${() => this._remove(one)}>Remove…</button>
          <a href=${router.href("/rollouts/new", { window: one.name })} aria-label="Rollout in ${one.name}">Rollout</a></span>`,
      },
    ];
  }

  /** @param {WindowView} window */
  async _remove(window) {
    const { api, dialogs, say } = this.services;
    const text = "It is refused while unfinished jobs or rollouts wait for it.";
    if (!await dialogs.confirmName({ title: "Remove this maintenance window?", text, name: window.name, action: "Remove" })) return;
    try {
      await api.send("DELETE", `/windows/${window.name}`, { ifMatch: window.revision });
      say.done(`The maintenance window ${window.name} is removed.`);
    } catch (error) {
      say.problem(error);
    }
  }
}

/** @param {WindowView} window */
function stateCell(window) {
  if (window.open_until) return html`${pill("ok", "●", "open")} <span class="muted">for ${duration(window.open_until - Date.now())}</span>`;
  if (window.opens_at) return html`${pill("off", "○", "shut")} <span class="muted">opens ${time(window.opens_at)}</span>`;
  return html`${pill("off", "○", "shut")} <span class="muted">for a year at least</span>`;
}

customElements.define("gw-windows", WindowsView);
