/** What hosts said by themselves, as it comes: by class, level, host and text. What agents write down is host.js. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { severity } from "../../parts/status.js";
import { Pages } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { CLASSES, fits, keyOf, LEVELS, levelOf, newestFirst, ofStream, sentence } from "./notice_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["NoticeShown"]} Notice */

const SHOWN = 300;
const PAGE = 200;

export class Notices extends Part {
  static properties = { ...Part.properties, paused_at: { state: true }, more: { state: true } };

  constructor() {
    super();
    this.follow("notice", "host");
    /** Nothing that came after this moment is shown; 0: everything is. */
    this.paused_at = 0;
    /** How many are shown at most. */
    this.more = SHOWN;
    /** Until when those of a host were cleared: the stream keeps them a while. @type {Map<string, number>} */
    this._cleared = new Map();
    /** @type {Pages<Notice>} */
    this.pages = new Pages(this, (cursor, signal) => this.services.api.get("/notices", { ...this._asked, limit: PAGE,
      cursor }, signal));
  }

  /** What the API filters by; level and text are looked for here. */
  get _asked() {
    return { host: this.query.get("host"), class: this._classes };
  }

  get _classes() {
    return (this.query.get("class") ?? "").split(",").filter(Boolean);
  }

  get _wanted() {
    return {
      host: this.query.get("host") ?? "", classes: new Set(this._classes), level: this.query.get("level") ?? "",
      text: this.query.get("q") ?? "",
    };
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {URLSearchParams | undefined} */ (changed.get("query"));
    if (before && this.hasUpdated && ["host", "class"].some((name) => before.get(name) !== this.query.get(name))) {
      this.more = SHOWN;
      void this.pages.again();
    }
  }

  /** All that is here and wanted, the newest first. */
  _rows() {
    /** @type {Map<string, Notice>} */
    const known = new Map(this.pages.items.map((one) => [keyOf(one), one]));
    for (const document of this.services.live.map("notice").values()) {
      const one = ofStream(document);
      if (one.came_at > (this._cleared.get(`${one.site}/${one.host}`) ?? 0)) known.set(keyOf(one), one);
    }
    const wanted = this._wanted;
    return [...known.values()].filter((one) => fits(one, wanted)).sort(newestFirst);
  }

  render() {
    const all = this._rows();
    const rows = this.paused_at ? all.filter((one) => one.came_at <= this.paused_at) : all;
    const waiting = all.length - rows.length;
    return html`<section class="gw-notices stack">
      <h1>Messages</h1>
      <p class="muted">What hosts said by themselves, the newest first. What a host's agent wrote down is on the host's
        page Messages.</p>
      ${this._filters()}
      <div class="toolbar">
        <button type="button" class="button" aria-pressed=${this.paused_at !== 0} @click=${() => this._pause(all)}>
          ${this.paused_at ? html`Follow${waiting ? ` (${waiting} new)` : ""}` : "Pause"}</button>
        <a class="button" download href=${this.services.api.address("/notices/export", this._asked)}>Export</a>
        ${this._clear()}
        <span class="muted" role="status">${counted(rows.length, "message")}${this.paused_at ? ", paused" : ""}</span>
      </div>
      ${trouble(this.pages.error, () => void this.pages.again())}
      ${rows.length ? this._table(rows) : this._none()}
      ${this._older(rows)}
    </section>`;
  }

  _filters() {
    const { live, router } = this.services;
    const wanted = this._wanted;
    const hosts = [...live.map("host").keys()].sort();
    return html`<div class="toolbar gw-filters">
      ${selectField({ id: "gw-notices-host", label: "Host", value: wanted.host,
        options: [["", "all hosts"], ...hosts], onChange: (value) => router.set({ host: value || null }) })}
      ${selectField({ id: "gw-notices-level", label: "Level", value: wanted.level || "debug",
        options: LEVELS.map((one) => [one, one === "debug" ? "all" : one === "error" ? "error" : `${one} and above`]),
        onChange: (value) => router.set({ level: value === "debug" ? null : value }) })}
      ${textField({ id: "gw-notices-q", label: "Text", type: "search", value: wanted.text, onInput: (value) =>
        router.set({ q: value || null }) })}
      <fieldset class="row"><legend>Classes</legend>
        ${CLASSES.map((one) => html`<label class="row"><input type="checkbox" .checked=${wanted.classes.has(one.id)}
          @change=${() => this._toggle(one.id)}> ${one.label}</label>`)}</fieldset>
    </div>`;
  }

  /** @param {Notice[]} rows */
  _table(rows) {
    const { live, router } = this.services;
    return html`<table class="table gw-log">
      <caption class="sr">Messages of hosts</caption>
      <thead><tr><th scope="col">Time</th><th scope="col">Level</th><th scope="col">Host</th><th scope="col">Class</th>
        <th scope="col">What</th><th scope="col">Message</th></tr></thead>
      <tbody>${repeat(rows.slice(0, this.more), keyOf, (one) => html`<tr>
        <td class="num nowrap">${time(one.at)}</td>
        <td>${severity(levelOf(one))}</td>
        <td><a href=${router.hostHref(`${one.site}/${one.host}`)}>${live.get("host", `${one.site}/${one.host}`)?.label
          || one.host}</a></td>
        <td>${CLASSES.find((known) => known.id === one.notice_class)?.label ?? one.notice_class}</td>
        <td class="mono">${one.event}</td>
        <td class="gw-said">${sentence(one)}</td>
      </tr>`)}</tbody>
    </table>`;
  }

  _none() {
    if (this.pages.busy && !this.pages.read) return html`<p class="muted">Reading the messages …</p>`;
    if (this.pages.error) return nothing;
    const filtered = ["host", "class", "level", "q"].some((name) => this.query.has(name));
    return empty({
      title: filtered ? "No message fits" : "No messages yet",
      text: filtered ? "Take a filter away, or read older ones."
        : "Hosts tell here of guests that start and stop, of what was refused, and of alarms.",
      cli: cli(this.services, "guestwire notices --follow"),
    });
  }

  /** @param {Notice[]} rows */
  _older(rows) {
    if (rows.length > this.more) {
      return html`<button type="button" class="button" @click=${() => (this.more += SHOWN)}>Show older</button>`;
    }
    if (!this.pages.next) return nothing;
    return html`<button type="button" class="button" ?disabled=${this.pages.busy}
      @click=${() => { this.more += PAGE; void this.pages.more(); }}>Read older</button>`;
  }

  _clear() {
    const host = this.query.get("host") ?? "";
    const { session } = this.services;
    if (!(host ? session.may("message-clear", host) : session.mayOnSome("message-clear"))) return nothing;
    return html`<button type="button" class="button danger" ?disabled=${!host} title=${host ? nothing
      : "Choose a host first."}
      @click=${() => void this._forget(host)}>Clear${host ? ` those of ${host}` : ""}</button>`;
  }

  /** @param {string} id */
  _toggle(id) {
    const classes = new Set(this._classes);
    if (!classes.delete(id)) classes.add(id);
    this.services.router.set({ class: [...classes].join(",") || null });
  }

  /** @param {Notice[]} all */
  _pause(all) {
    this.paused_at = this.paused_at ? 0 : all[0]?.came_at ?? 1;
  }

  /** @param {string} host */
  async _forget(host) {
    const { api, dialogs, say } = this.services;
    const text = `The controller forgets what ${host} has said until now. Alarms and the audit log stay.`;
    if (!(await dialogs.confirmName({ title: "Clear messages", text, name: host.split("/")[1],
      action: "Clear" }))) return;
    try {
      const { document } = await api.send("DELETE", `/hosts/${host}/notices`);
      const mine = [...this.services.live.map("notice").values()].filter((one) => `${one.site}/${one.host}` === host);
      this._cleared.set(host, Math.max(0, ...mine.map((one) => one.came_at)));
      say.done(`${counted(document.cleared, "message")} of ${host} cleared.`);
      await this.pages.again();
    } catch (error) {
      say.problem(error);
    }
  }
}

customElements.define("gw-notices", Notices);
