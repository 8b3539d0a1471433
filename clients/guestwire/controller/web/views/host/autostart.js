/** What is started with a host: whether at all, which guests, how and in which order. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { repeat } from "lit/directives/repeat.js";
import { pathText } from "../../core/edit_paths.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { checkField } from "../../parts/field.js";
import { guestStatus } from "../../parts/status.js";
import { away, onlyGuests } from "./away.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { tableHead } from "./table_head.js";

const MODES = ["off", "headless", "console"];
const FIELDS = ["autostart", "order", "disabled"];
const SWITCHES = [
  { name: "active", label: "Start guests with the host", hint: "Guests whose mode is not off start when the host boots, the lowest order first." },
  { name: "standalone", label: "Standalone", hint: "The host has no desktop: one general purpose guest has its console, and with it the screen." },
];
const MOST_ORDER = 9999;

export class HostAutostart extends HostPart {
  constructor() {
    super();
    /** Guests' names in the order in which they are shown. @type {string[]} */
    this._names = [];
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (onlyGuests(this.draft)) return away("The autostart is");
    const autostart = desired.autostart ?? {};
    const issues = this.config ? this.draft.issues.filter((issue) => /^(STANDALONE-|AUTOSTART-|READY-)/.test(issue.code)) : [];
    return html`<div class="stack">
      <section class="panel"><h2>With the host</h2>
        ${SWITCHES.map((one) => this._switch(one, autostart))}</section>
      ${issueList(issues, "What the rules say of the autostart")}
      <section class="panel"><h2>Guests</h2>${this._guests(desired, autostart)}
        <p class="muted">Headless: without a viewer. Console: with a viewer on the host's screen; that needs a user who is logged in
          at boot (Settings, Autologin).</p></section>
      ${cli(this.services, `guestwire boot ${this.params.host}`)}
    </div>`;
  }

  /**
   * @param {{name: string, label: string, hint: string}} one
   * @param {any} autostart
   */
  _switch({ name, label, hint }, autostart) {
    const changed = this.config && this.draft.changed(`autostart.${name}`);
    const was = changed ? ` Was ${this.draft.before(`autostart.${name}`) ? "on" : "off"}.` : "";
    return html`<div class=${changed ? "changed" : ""} data-path="autostart.${name}">${checkField({
      id: `autostart-${name}`, label, value: Boolean(autostart[name]), disabled: !this.editable, hint: hint + was,
      onChange: (value) => this.draft.edit([{ op: "set", path: `autostart.${name}`, value }]),
    })}</div>`;
  }

  /**
   * @param {any} desired
   * @param {any} autostart
   */
  _guests(desired, autostart) {
    if (!desired.guests.length) return empty({ title: "This host has no guests.", text: "Add one on the Guests page in Config mode." });
    return html`<div class="scroll-x"><table class="table"><caption class="sr">Guests in the order they are started</caption>
      ${tableHead(["Guest", "Kind", "Mode", "Order", "Ready when", "Disabled", "State"], { live: ["State"] })}
      <tbody @focusout=${(/** @type {FocusEvent} */ event) => this._left(event)}>${repeat(this._ordered(desired.guests),
        (guest) => guest.name, (guest) => this._guest(guest, autostart))}</tbody></table></div>`;
  }

  /**
   * The lowest order first. While somebody is at a row all stay where they are: their next step is for the same guest.
   * @param {readonly any[]} guests
   */
  _ordered(guests) {
    const stay = this.querySelector("tbody")?.contains(document.activeElement);
    const place = new Map(stay ? this._names.map((name, at) => [name, at]) : []);
    const places = (/** @type {any} */ guest) => place.get(guest.name) ?? place.size;
    const ordered = [...guests].sort((one, other) => places(one) - places(other) || (one.order ?? 0) - (other.order ?? 0));
    this._names = ordered.map((guest) => guest.name);
    return ordered;
  }

  /** Nobody is at the rows any more: they may go where they belong. @param {FocusEvent} event */
  _left(event) {
    const rows = /** @type {HTMLElement} */ (event.currentTarget);
    if (!rows.contains(/** @type {Node | null} */ (event.relatedTarget))) this.requestUpdate();
  }

  /**
   * @param {any} guest
   * @param {any} autostart
   */
  _guest(guest, autostart) {
    const changed = this.config && FIELDS.some((field) => this.draft.changed(pathText(["guest", guest.name, field])));
    const waits = !autostart.active && (guest.autostart ?? "off") !== "off";
    return html`<tr class=${changed ? "changed" : ""}>
      <th scope="row"><a href=${this.services.router.guestHref(this.host, guest.name)}>${guest.name}</a></th><td>${guest.kind}</td>
      <td data-path=${pathText(["guests", guest.name, "autostart"])}>${this._mode(guest)}${waits
        ? html`<span class="muted"> waits for the switch above</span>` : nothing}</td>
      <td>${this._order(guest)}</td><td>${readyWord(guest.ready_when)}</td><td>${this._disabled(guest)}</td>
      <td class="live">${guestStatus(this.data.guest(guest.name)?.state ?? "unknown")}</td></tr>`;
  }

  /** @param {any} guest @param {string} field @param {unknown} value */
  _set(guest, field, value) {
    this.draft.edit([{ op: "set", path: pathText(["guest", guest.name, field]), value }]);
  }

  /** @param {any} guest */
  _mode(guest) {
    const mode = guest.autostart ?? "off";
    if (!this.editable) return mode;
    return html`<select aria-label="Autostart of ${guest.name}" @change=${(/** @type {any} */ event) => this._set(guest, "autostart", event.target.value)}>
      ${MODES.map((one) => html`<option .selected=${live(one === mode)}>${one}</option>`)}</select>`;
  }

  /** @param {any} guest */
  _order(guest) {
    if (!this.editable) return guest.order ?? 0;
    return html`<input class="num memory-size" type="number" min="0" max=${MOST_ORDER} aria-label="Order of ${guest.name}"
      .value=${String(guest.order ?? 0)} @change=${(/** @type {any} */ event) => {
        const value = Number(event.target.value);
        if (Number.isInteger(value) && value >= 0 && value <= MOST_ORDER) this._set(guest, "order", value);
        else event.target.value = String(guest.order ?? 0);
      }}>`;
  }

  /** @param {any} guest */
  _disabled(guest) {
    if (!this.editable) return guest.disabled ? "disabled" : "no";
    return html`<input type="checkbox" aria-label="${guest.name} is disabled: never started" .checked=${live(Boolean(guest.disabled))}
      @change=${(/** @type {any} */ event) => this._set(guest, "disabled", event.target.checked)}>`;
  }
}

/** @param {any} ready */
function readyWord(ready) {
  /** @type {Record<string, string>} */
  const words = {
    guest_agent: "its guest agent answers", console_text: `its console shows “${ready?.text}”`, heartbeat: "its guest library says so",
    never: "never",
  };
  return words[ready?.by ?? "never"] ?? ready?.by;
}
customElements.define("gw-host-autostart", HostAutostart);
