/** The named events of a host, who may signal and wait, how they stand now; below them queues and locks. */

import { html, nothing } from "lit";
import { pathText } from "../../core/edit_paths.js";
import { ago, short } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { issueLines } from "../../parts/issue_lines.js";
import { pill } from "../../parts/status.js";
import { HostPage } from "../guest/pages.js";
import { away, onlyGuests } from "./away.js";
import { breakLock, eventButtons, newEvent, removeEvent } from "./event_actions.js";

const AGAIN_MS = 2000;
/** What is read again and again. @type {readonly {operation: string, field: "events" | "queues" | "locks"}[]} */
const LISTS = [{ operation: "event-list", field: "events" }, { operation: "queue-list", field: "queues" },
  { operation: "lock-list", field: "locks" }];
/** @typedef {{all: any[] | null, problem: string}} Read `all`: as it was read last; null: not yet. `problem`: why not now */
/** @type {Read} */
const UNREAD = { all: null, problem: "" };

export class HostEvents extends HostPage {
  static properties = { ...HostPage.properties, _now: { state: true } };

  constructor() {
    super();
    /** As the communication services have them. @type {{events: Read, queues: Read, locks: Read}} */
    this._now = { events: UNREAD, queues: UNREAD, locks: UNREAD };
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, async (signal) => {
      const { api } = this.services;
      // shown together, so that what is below comes to its place at once
      const found = await Promise.allSettled(LISTS.map((one) => api.operation(this.host, one.operation, {}, signal)));
      if (signal.aborted) return;
      this._now = /** @type {any} */ (Object.fromEntries(LISTS.map(({ field }, at) => {
        const one = found[at];
        return [field, one.status === "fulfilled" ? { all: one.value[field], problem: "" } :
          { all: this._now[field].all, problem: one.reason.message }];
      })));
    });
  }

  render() {
    if (!this.desired) return this.waiting();
    if (onlyGuests(this.draft)) return away("Events, queues and locks are");
    const events = this.desired.events ?? [];
    return html`<div class="stack">
      <section class="panel stack" aria-labelledby="gw-host-events"><div class="toolbar"><h2
        id="gw-host-events">Events</h2><span class="fill"></span>
        ${this.editing ? html`<button type="button" class="button primary"
          @click=${() => newEvent(this)}>New event …</button>` : nothing}</div>
        ${events.length ? this._events(events) : empty({
          title: "No events", text: this.editing ?
            "A named event is signalled by one guest and waited for by another; make the first one."
            : "A named event is signalled by one guest and waited for by another. Events are made in Config mode.",
          cli: cli(this.services, `guestwire event create ${this.short}/cycle-done --signal plc --wait hmi`),
        })}
        ${this._now.events.problem ? html`<p class="issue w">Warning: how they stand now is not known:
          ${this._now.events.problem}</p>` : nothing}</section>
      ${this._queues()}${this._locks()}</div>`;
  }

  /** @param {any[]} events */
  _events(events) {
    const now = new Map(this._now.events.all?.map((one) => [one.name, one]));
    return html`<div class="wide-table" role="region" aria-label="Events" tabindex="0"><table class="table"><caption
      class="sr">Events</caption>
      <thead><tr><th scope="col">Event</th><th scope="col" class="live wider">State</th><th
        scope="col">Reset, delivery</th><th scope="col">May signal</th><th scope="col">May wait</th><th
        scope="col"><span class="sr">Actions</span></th><th scope="col" class="end live">Signals</th><th
        scope="col" class="live">Waiting now</th><th scope="col" class="live long">Last signal</th></tr></thead>
      <tbody>${events.map((one) => this._event(one, now.get(one.name)))}</tbody></table></div>`;
  }

  /**
   * @param {any} event
   * @param {any} now
   */
  _event(event, now) {
    const path = pathText(["event", event.name]);
    const isNew = this.config && !this.draft.partial && this.draft.before(path) === undefined;
    const compares = this.config && !isNew && !this.draft.partial;
    const tint = (/** @type {string} */ field) => (compares && this.draft.changed(`${path}.${field}`) ? "changed" : "");
    const issues = this.config ? this.draft.issuesAt(path) : [];
    const known = this._now.events.all !== null;
    const signals = now ? `${now.signals}${now.rate ? ` (${short(now.rate)}/s)` : ""}` : "-";
    const waiters = now?.waiters.join(", ") || "-";
    const last = now?.last_at ? `${ago(now.last_at, Date.now())} by ${now.last_by}` : "-";
    return html`<tr class=${isNew ? "added" : ""} data-path=${pathText(["events", event.name])}>
      <th scope="row"><a href=${this.services.router.hostHref(this.host,
        `/events/${encodeURIComponent(event.name)}`)}>${event.name}</a>
        ${issueLines(issues)}</th>
      <td class="live wider">${known ? stateOf(now) : html`<span class="muted">not known</span>`}</td><td
        class=${tint("reset") || tint("delivery")}>${event.reset}, ${event.delivery}</td>
      <td class=${tint("signal")}>${event.signal.join(", ") || "nobody"}</td><td
        class=${tint("wait")}>${event.wait.join(", ") || "nobody"}</td>
      <td>${this.editing ? html`<button type="button" class="button quiet" aria-label=${`Delete ${event.name}`}
        @click=${() => removeEvent(this, event.name)}>Delete</button>`
        : eventButtons(this, event.name, now, known)}</td>
      <td class="end live" title=${signals}>${signals}</td><td class="live" title=${waiters}>${waiters}</td>
      <td class="live long" title=${last}>${last}</td></tr>`;
  }

  _queues() {
    const { all: queues, problem } = this._now.queues;
    return html`<section class="panel stack" aria-labelledby="gw-host-events-queues"><h2
      id="gw-host-events-queues">Queues</h2>
      ${notKnown(queues, problem)}${!queues ? nothing : queues.length ? html`<table class="table"><caption class="sr">Queues</caption><thead><tr><th
        scope="col">Queue</th><th scope="col">Area</th>
          <th scope="col">Writers</th><th scope="col">Reader</th><th scope="col" class="end">Slots of each</th><th
            scope="col" class="end">Waiting</th>
          <th scope="col" class="end">Put</th><th scope="col" class="end">Taken</th><th scope="col"
            class="end">Refused</th></tr></thead>
        <tbody>${queues.map((one) => html`<tr><th scope="row">${one.name}</th><td>${this._areaLink(one.area)}</td>
          <td>${one.rings.map((/** @type {any} */ ring) =>
            ring.writer + (ring.sound ? "" : " (written over)")).join(", ") || "nobody"}</td><td>${one.reader ||
              "nobody"}</td>
          <td class="end num">${one.slots} × ${one.slot_bytes} B</td><td
            class="end num">${one.depth}</td>${["put", "taken", "refused"].map((word) => html`
          <td class="end num">${one.rings.reduce((/** @type {number} */ sum, /** @type {any} */ ring) =>
            sum + ring[word], 0)}</td>`)}</tr>`)}</tbody></table>`
        : empty({ title: "No queues", text: "A queue carries messages from its writers to one reader.",
          cli: cli(this.services,
            `guestwire queue create ${this.short}/orders --writer hmi --reader plc`) })}</section>`;
  }

  _locks() {
    const { all: locks, problem } = this._now.locks;
    return html`<section class="panel stack" aria-labelledby="gw-host-events-locks"><h2
      id="gw-host-events-locks">Locks</h2>
      ${notKnown(locks, problem)}${!locks ? nothing : locks.length ? html`<table class="table"><caption class="sr">Locks</caption><thead><tr><th scope="col">Lock</th>
        <th scope="col">Area</th>
          <th scope="col">Kind</th><th scope="col">Held by</th><th scope="col" class="end">Fencing token</th><th
            scope="col">Waited for</th>
          <th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${locks.map((one) => this._lock(one))}</tbody></table>`
        : empty({ title: "No locks", text: "A lock protects what several guests use together.", cli:
          cli(this.services, `guestwire lock create ${this.short}/recipe-lock`) })}</section>`;
  }

  /** @param {any} lock */
  _lock(lock) {
    const why = !this.services.session.may("lock-break", this.host) ? "Your role does not allow this." : lock.owner ?
      "" : "Nobody holds it.";
    return html`<tr><th scope="row">${lock.name}</th><td>${this._areaLink(lock.area)}</td><td>${lock.kind}</td>
      <td>${lock.owner || "nobody"}${lock.died ? " (has gone)" : ""}${lock.sound ? "" : " (written over)"}</td><td
        class="end num">${lock.token}</td>
      <td>${lock.waiters ? "yes" : "no"}</td>
      <td><button type="button" class="button danger" aria-disabled=${why ? "true" : nothing} title=${why || nothing}
        aria-label=${`Break ${lock.name}${why ? `: ${why}` : ""}`}
        @click=${() => (why ? this.services.say.info(why) : void breakLock(this, lock))}>Break …</button></td></tr>`;
  }

  /** @param {string} area */
  _areaLink(area) {
    return html`<a href=${this.services.router.hostHref(this.host, `/areas/${encodeURIComponent(area)}`)}>${area}</a>`;
  }
}

/**
 * What is said of a list that has not been read, or not now.
 * @param {any[] | null} list
 * @param {string} problem
 */
function notKnown(list, problem) {
  if (problem) return html`<p class="issue w">Warning: not known now: ${problem}</p>`;
  return list ? nothing : html`<p class="muted" role="status">Reading …</p>`;
}

/** @param {any} now */
export function stateOf(now) {
  if (!now) return html`<span class="muted">not there</span>`;
  if (now.set === null) return pill("info", "●", "kept by the kernel");
  return now.set ? pill("ok", "●", "set") : pill("off", "○", "not set");
}

customElements.define("gw-host-events", HostEvents);
