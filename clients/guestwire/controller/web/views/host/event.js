/** One named event: how it is declared, how it stands now, how often it is signalled. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { hasComm, OTHERS } from "../../core/access.js";
import { pathText } from "../../core/edit_paths.js";
import { ago, short } from "../../core/format.js";
import { selector } from "../../core/selector_text.js";
import { rangeOf, refreshOf } from "../../core/time_range.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import "../../parts/form.js";
import "../../parts/range_picker.js";
import { chartGrid } from "../telemetry/charts.js";
import { HostPage } from "../guest/pages.js";
import { away, onlyGuests, unread } from "./away.js";
import { eventButtons, removeEvent } from "./event_actions.js";
import { stateOf } from "./events.js";

const AGAIN_MS = 2000;
const FIELDS = ["reset", "initial", "delivery", "signal", "wait"];
const NONE = "Nothing was signalled in this time.";

export class HostEvent extends HostPage {
  static properties = { ...HostPage.properties, _now: { state: true }, _problem: { state: true }, _range:
    { state: true } };

  constructor() {
    super();
    /** @type {any} as the communication services have it */
    this._now = null;
    /** @type {import("../../core/problem.js").Problem | null} */
    this._problem = null;
    this._range = rangeOf(this.query, Date.now());
    this._ranged = 0;
  }

  get name() {
    return this.params.event;
  }

  connectedCallback() {
    super.connectedCallback();
    this._charts = charts(this.params.site, this.params.host, this.name);
    this.every(AGAIN_MS, async (signal) => {
      this._moveOn();
      try {
        this._now = await this.services.api.operation(this.host, "event-show", { name: this.name }, signal);
        this._problem = null;
      } catch (error) {
        if (signal.aborted) return;
        this._now = null;
        this._problem = /** @type {any} */ (error);
      }
    });
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("query")) this._range = rangeOf(this.query, Date.now());
  }

  _moveOn() {
    const refresh = refreshOf(this.query);
    if (!refresh || !this._range.live || Date.now() - this._ranged < refresh) return;
    this._ranged = Date.now();
    this._range = rangeOf(this.query, this._ranged);
  }

  render() {
    if (!this.desired) return this.waiting();
    const { router } = this.services;
    const event = this.desired.events.find((/** @type {any} */ one) => one.name === this.name);
    if (!event && onlyGuests(this.draft)) return away("The events are");
    if (!event && !this._now) {
      return empty({ title: `There is no event ${this.name} here`, text:
        "It may be new, removed or renamed in the draft.",
        cli: cli(this.services, `guestwire event list ${this.short}`),
        action: html`<a class="button" href=${router.hostHref(this.host, "/events")}>All events</a>` });
    }
    return html`<div class="stack"><nav aria-label="Up"><a
      href=${router.hostHref(this.host, "/events")}>All events</a></nav>
      <section class="panel stack" aria-labelledby="gw-host-event"><div class="toolbar"><h2
        id="gw-host-event">${this.name}</h2><span class="fill"></span>
        ${eventButtons(this, this.name, this._now, this._now !== null || this._problem?.code === "NOT-FOUND")}
        ${this.editing && event ? html`<button type="button" class="button danger"
          @click=${() => this._remove()}>Delete …</button>` : nothing}</div>
        ${event ? this._declared(event) : html`<p
          class="muted">It is not in the configuration that is shown; the host has it.</p>`}</section>
      <section class="panel stack" aria-labelledby="gw-host-event-now"><h2
        id="gw-host-event-now">Now</h2>${this._shown()}</section>
      <gw-range-picker .services=${this.services} .query=${this.query}></gw-range-picker>
      ${chartGrid(this.services, this._charts ?? [], this._range)}</div>`;
  }

  async _remove() {
    if (await removeEvent(this, this.name)) this.services.router.follow(this.services.router.hostHref(this.host,
      "/events"));
  }

  /** @param {any} event */
  _declared(event) {
    const schema = this.schemaOf("Event");
    const { draft } = this;
    const path = (/** @type {string} */ field) => pathText(["event", this.name, field]);
    const people = [...this.desired.guests.filter(hasComm).map((/** @type {any} */ one) => one.name), ...OTHERS];
    return schema ? html`<gw-form .schema=${schema} .only=${FIELDS} .value=${event} .read_only=${!this.editing}
      .place=${pathText(["events", this.name])} .offers=${{ signal: people, wait: people }}
      .changed=${(/** @type {string} */ field) => this.config && draft.changed(path(field))}
      .before=${(/** @type {string} */ field) => draft.before(path(field))}
      .issues=${(/** @type {string} */ field) => (this.config ? draft.issuesAt(path(field)) : [])}
      @edit=${(/** @type {CustomEvent} */ given) => this.edit({ ...given.detail, path:
        path(given.detail.path) })}></gw-form>` : nothing;
  }

  _shown() {
    const now = this._now;
    if (!now) return unread(this._problem);
    return html`<dl class="kv"><dt>State</dt><dd>${stateOf(now)}</dd><dt>Signals</dt><dd
      class="num">${now.signals} <span class="muted">since the services started</span></dd>
        <dt>Per second</dt><dd class="num">${short(now.rate)}</dd><dt>Denied</dt><dd class="num">${now.denied}</dd>
        <dt>Waiting now</dt><dd>${now.waiters.join(", ") || "nobody"}</dd>
        <dt>Last signal</dt><dd>${now.last_at ? `${ago(now.last_at, Date.now())} by ${now.last_by}` : "never"}</dd></dl>
      ${cli(this.services, line`guestwire event watch ${this.short}/${this.name}`)}`;
  }
}

/**
 * @param {string} site
 * @param {string} host
 * @param {string} event
 * @returns {readonly import("../telemetry/host_charts.js").Shown[]}
 */
function charts(site, host, event) {
  const on = (/** @type {string} */ name) => selector(`guestwire_event_${name}`, { site, host, event });
  const rate = (/** @type {string} */ name, /** @type {string} */ label) =>
    ({ selector: on(name), aggregate: "rate", by: ["event"], label });
  return [
    { question: { title: "Signals", unit: "count/s", empty: NONE, parts:
      [rate("signals_total", "signalled"), rate("denied_total", "denied")] } },
    { question: { title: "Waiters", unit: "count", empty: "Nothing waited in this time.", parts:
      [{ selector: on("waiters"), by: [], label: "waiting" }] } },
  ];
}

customElements.define("gw-host-event", HostEvent);
