/** <gw-range-picker>: which time charts show and how often they are refreshed. Both are in the address; this only writes them there. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { time } from "../core/format.js";
import { RANGES, REFRESHES, chosenRange, rangeOf, refreshName } from "../core/time_range.js";
import { Part } from "./part.js";

const REFRESH_WORDS = { off: "off", "2s": "every 2 s", "10s": "every 10 s", "1m": "every minute" };

/**
 * Show a chosen time from now on: what a drag in a chart means.
 * @param {import("../core/router.js").Router} router
 * @param {{from: number, to: number}} chosen
 */
export function zoomTo(router, { from, to }) {
  router.set({ ...chosenRange(from, to), range: null });
}

export class RangePicker extends Part {
  static properties = { ...Part.properties, _open: { state: true } };

  constructor() {
    super();
    this._open = false;
  }

  render() {
    const { router } = this.services;
    const range = rangeOf(this.query, Date.now());
    return html`
      <div class="toolbar range-picker" role="group" aria-label="Time and refresh">
        <div class="segments" role="group" aria-label="Time range">
          ${Object.keys(RANGES).map((name) => html`<button type="button" class="button"
            aria-pressed=${pressed(range.name === name)}
            @click=${() => router.set({ range: name, from: null, to: null })}>${name}</button>`)}
          <button type="button" class="button" aria-pressed=${pressed(!range.live)} aria-expanded=${pressed(this._open)}
            @click=${() => { this._open = !this._open; }}>Custom</button>
        </div>
        ${range.live ? html`
          <label for="gw-range-picker-refresh">Refresh</label>
          <select id="gw-range-picker-refresh"
            @change=${(/** @type {any} */ event) => router.set({ refresh: event.target.value })}>
            ${Object.keys(REFRESHES).map((name) => html`<option value=${name}
              .selected=${live(name === refreshName(this.query))}>${
              REFRESH_WORDS[/** @type {keyof typeof REFRESH_WORDS} */ (name)]}</option>`)}
          </select>` : html`
          <span>${time(range.from)} to ${time(range.to)}</span>
          <button type="button" class="button" @click=${() => router.set({ from: null,
            to: null })}>Back to now</button>`}
        ${this._open ? this._custom(range) : nothing}
      </div>`;
  }

  /** @param {import("../core/time_range.js").TimeRange} range */
  _custom(range) {
    return html`
      <form class="row" @submit=${this._choose}>
        <label for="gw-range-picker-from">From</label>
        <input id="gw-range-picker-from" name="from" type="datetime-local"
          step="1" required .defaultValue=${localText(range.from)}>
        <label for="gw-range-picker-to">To</label>
        <input id="gw-range-picker-to" name="to" type="datetime-local"
          step="1" required .defaultValue=${localText(range.to)}>
        <button class="button primary">Show this time</button>
      </form>`;
  }

  /** @param {SubmitEvent} event */
  _choose(event) {
    event.preventDefault();
    const form = new FormData(/** @type {HTMLFormElement} */ (event.target));
    const [from, to] = ["from", "to"].map((name) => new Date(String(form.get(name))).getTime());
    if (Number.isNaN(from) || Number.isNaN(to)) return;
    this._open = false;
    zoomTo(this.services.router, { from, to });
  }
}

/** @param {boolean} is */
function pressed(is) {
  return is ? "true" : "false";
}

/**
 * A moment as the browser's own field takes it: in its time zone.
 * @param {number} at Unix ms
 */
function localText(at) {
  const date = new Date(at);
  return new Date(at - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

customElements.define("gw-range-picker", RangePicker);
