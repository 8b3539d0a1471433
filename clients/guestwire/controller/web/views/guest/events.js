/** The named events of the host as one guest has them: which it may signal and wait for, and how they stand. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { hasComm } from "../../core/access.js";
import { pathText } from "../../core/edit_paths.js";
import { ago } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { away, onlyGuests } from "../host/away.js";
import { GuestPage } from "./pages.js";

const AGAIN_MS = 2000;
/** @type {readonly {field: "signal" | "wait", label: string}[]} */
const RIGHTS = [{ field: "signal", label: "May signal" }, { field: "wait", label: "May wait" }];

export class GuestEvents extends GuestPage {
  static properties = { ...GuestPage.properties, _live: { state: true }, _problem: { state: true } };

  constructor() {
    super();
    /** @type {Map<string, any> | null} the events as the communication services have them; null: not known */
    this._live = null;
    this._problem = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, async (signal) => {
      try {
        const { events } = await this.services.api.operation(this.host, "event-list", {}, signal);
        this._live = new Map(events.map((/** @type {any} */ one) => [one.name, one]));
        this._problem = "";
      } catch (error) {
        if (signal.aborted) return;
        this._live = null;
        this._problem = /** @type {Error} */ (error).message;
      }
    });
  }

  render() {
    const { guest } = this;
    if (!guest) return this.missing();
    if (onlyGuests(this.draft)) return away("The events are");
    const { events } = this.desired;
    if (!events.length) {
      return empty({
        title: "The host has no events", text: "A named event is signalled by one guest and waited for by another.",
        cli: cli(this.services, `guestwire event create ${this.short}/cycle-done`),
        action: html`<a class="button"
          href=${this.services.router.hostHref(this.host, "/events")}>Events of the host</a>`,
      });
    }
    return html`<section class="panel stack guest-page" aria-labelledby="gw-guest-events"><h2
      id="gw-guest-events">Events</h2>
      ${hasComm(guest) ? nothing : html`<p
        class="issue w">Warning: this guest has no communication, so that it takes no part in events.</p>`}
      <div class="wide-table" role="region" aria-label="Events" tabindex="0"><table class="table"><caption
        class="sr">Events and what ${this.name} may do with them</caption>
        <thead><tr><th scope="col">Event</th><th scope="col">Reset</th><th
          scope="col">Delivery</th>${RIGHTS.map((one) => html`<th scope="col">${one.label}</th>`)}
          <th scope="col" class="end live">Signals</th><th scope="col" class="live">Waiters</th><th
            scope="col" class="live long">Last signal</th></tr></thead>
        <tbody>${events.map((/** @type {any} */ one) => this._row(one))}</tbody></table></div>
      ${this._problem ? html`<p class="muted">How they stand now is not known: ${this._problem}</p>` : nothing}
      </section>`;
  }

  /** @param {any} event */
  _row(event) {
    const now = this._live?.get(event.name);
    const waiters = now?.waiters.join(", ") ?? "";
    const last = now?.last_at ? `${ago(now.last_at, Date.now())} by ${now.last_by}` : "";
    const none = this._live ? "-" : html`<span class="muted">not known</span>`;
    return html`<tr><th scope="row"><a
      href=${this.services.router.hostHref(this.host,
        `/events/${encodeURIComponent(event.name)}`)}>${event.name}</a></th>
      <td>${event.reset}</td>
        <td>${event.delivery}</td>${RIGHTS.map(({ field, label }) => this._right(event, field, label))}
      <td class="end live">${now ? now.signals : none}</td><td class="live"
        title=${waiters || nothing}>${waiters || none}</td>
      <td class="live long" title=${last || nothing}>${last || none}</td></tr>`;
  }

  /**
   * @param {any} event
   * @param {"signal" | "wait"} field
   * @param {string} label
   */
  _right(event, field, label) {
    const path = pathText(["event", event.name, field]);
    const has = event[field].includes(this.name);
    const changed = this.config && has !== (this.draft.before(path) ?? []).includes(this.name);
    if (!this.editing) return html`<td class=${changed ? "changed" : ""}>${has ? "yes" : "no"}</td>`;
    return html`<td class=${changed ? "changed" : ""}><input type="checkbox" class="form-switch" .checked=${live(has)}
      aria-label=${`${label}: ${event.name}`}
      @change=${(/** @type {any} */ change) => this.edit({ op: change.target.checked ? "append" : "take", path, value:
        this.name })}></td>`;
  }
}

customElements.define("gw-guest-events", GuestEvents);
