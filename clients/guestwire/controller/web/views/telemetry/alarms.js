/** Alarms: those that are open, live, and those that are over; found, acknowledged, cleared. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { Pages } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { sayOfAlarms } from "./alarm_actions.js";
import { alarmDetail } from "./alarm_detail.js";
import { STATES, SEVERITIES, alarmColumns, fits, wantedOf } from "./alarm_list.js";

/** @typedef {import("./alarm_list.js").Alarm} Alarm */

const PAGE = 100;
const AGE_MS = 10_000;

export class Alarms extends Part {
  static properties = { ...Part.properties, _chosen: { state: true }, _single: { state: true } };

  constructor() {
    super();
    /** @type {Set<string>} */
    this._chosen = new Set();
    /** An alarm that the address names and no list has. @type {Alarm | null} */
    this._single = null;
    this._asked = "";
    /** @type {Pages<Alarm>} */
    this.pages = new Pages(this, (cursor, signal) => this._page(cursor, signal));
    this.follow("alarm");
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGE_MS, () => this.requestUpdate());
    this.until(this.services.live.on("alarm", () => {
      if (this._past && this.pages.items.length <= PAGE) void this.pages.again();
    }));
  }

  get _wanted() {
    return wantedOf(this.query);
  }

  /** Whether what is over is shown as well: the live state has only what is open. */
  get _past() {
    return STATES[this._wanted.state].of.includes("cleared");
  }

  /**
   * @param {string | null} cursor
   * @param {AbortSignal} signal
   */
  async _page(cursor, signal) {
    if (!this._past) return { items: [], next: null };
    const { state, severity, rule, host } = this._wanted;
    const query = { state: STATES[state].of, severity: severity ? [severity] : [], rule: rule || null,
      host: host || null };
    return this.services.api.get("/alarms", { ...query, limit: PAGE, cursor }, signal);
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const { state, severity, rule, host } = this._wanted;
    const asked = JSON.stringify([state, severity, rule, host]);
    if (asked !== this._asked) {
      if (this._asked) void this.pages.again();
      this._asked = asked;
    }
    void this._readSingle(this.query.get("alarm") ?? "");
  }

  /** @param {string} id */
  async _readSingle(id) {
    if (!id || this._single?.id === id || this._found(id)) return;
    this._single = /** @type {Alarm} */ ({ id });
    try {
      const found = await this.services.api.get(`/alarms/${encodeURIComponent(id)}`);
      if (this._single?.id === id) this._single = found;
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** @param {string} id @returns {Alarm | undefined} */
  _found(id) {
    return this.services.live.get("alarm", id) ?? this.pages.items.find((one) => one.id === id);
  }

  /** @returns {Alarm[]} */
  _rows() {
    const wanted = this._wanted;
    /** @type {Map<string, Alarm>} */
    const all = new Map(this._past ? this.pages.items.map((one) => [one.id, one]) : []);
    for (const [id, alarm] of this.services.live.map("alarm")) if (all.has(id) || alarm.state !== "cleared") all.set(id, alarm);
    return [...all.values()].filter((one) => fits(one, wanted));
  }

  render() {
    const { router } = this.services;
    const rows = this._rows();
    const now = Date.now();
    return html`<div class="alarms stack">
      <h1>Alarms</h1>
      ${this._filter()}
      ${this._bar(rows)}
      ${trouble(this.pages.error, () => void this.pages.again())}
      ${this._detail(now)}
      <gw-table .services=${this.services} .columns=${alarmColumns(router, now)} .rows=${rows} sort="-raised"
        caption="Alarms"
        .selected=${this._chosen} .empty=${this._empty()} .row_href=${(/** @type {Alarm} */ one) => this._href(one.id)}
        @select=${(/** @type {CustomEvent} */ event) => { this._chosen = event.detail; }}></gw-table>
      ${this._past && this.pages.next ? html`<button type="button" class="button" ?disabled=${this.pages.busy}
        @click=${() => void this.pages.more()}>Older alarms</button>` : nothing}
    </div>`;
  }

  /** @param {string | null} alarm */
  _href(alarm) {
    const { router } = this.services;
    return router.href("/alarms", { ...Object.fromEntries(this.query), alarm });
  }

  _filter() {
    const { router, live } = this.services;
    const wanted = this._wanted;
    const hosts = [...live.map("host").keys()].sort();
    const rules = [...new Set([...this._rows().map((one) => one.rule), wanted.rule])].filter(Boolean).sort();
    return html`<form class="toolbar" role="search" aria-label="Which alarms"
      @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      ${selectField({ id: "gw-alarms-state", label: "State",
        value: wanted.state, onChange: (state) => router.set({ state: state === "open" ? null : state, alarm: null }),
        options: Object.entries(STATES).map(([id, { label }]) => /** @type {[string, string]} */ ([id, label])) })}
      ${selectField({ id: "gw-alarms-severity", label: "Severity",
        value: wanted.severity, onChange: (severity) => router.set({ severity }),
        options: [["", "any"], ...SEVERITIES] })}
      ${selectField({ id: "gw-alarms-rule", label: "Rule", value: wanted.rule, onChange: (rule) => router.set({ rule }),
        options: [["", "any"], ...rules] })}
      ${selectField({ id: "gw-alarms-host", label: "Host", value: wanted.host, onChange: (host) => router.set({ host }),
        options: [["", "any"], ...hosts] })}
      <div class="fill">${textField({ id: "gw-alarms-q", label: "Text", type: "search",
        value: this.query.get("q") ?? "", onInput: (q) => router.set({ q }) })}</div>
    </form>`;
  }

  /** @param {Alarm[]} rows */
  _bar(rows) {
    const { session } = this.services;
    const chosen = rows.filter((one) => this._chosen.has(one.id) && one.state !== "cleared");
    const active = chosen.filter((one) => one.state === "active");
    return html`<div class="toolbar">
      <span aria-live="polite">${counted(rows.length, "alarm")}${chosen.length ? `, ${chosen.length} chosen`
        : ""}</span>
      <button type="button" class="button" ?disabled=${!active.length || !session.may("alarm-ack")}
        @click=${() => this._say("acknowledge", active)}>Acknowledge chosen…</button>
      <button type="button" class="button" ?disabled=${!chosen.length || !session.may("alarm-clear")}
        @click=${() => this._say("clear", chosen)}>Clear chosen…</button>
    </div>`;
  }

  /** @param {number} now */
  _detail(now) {
    const id = this.query.get("alarm") ?? "";
    const alarm = id ? this._found(id) ?? (this._single?.id === id && this._single.state ? this._single : null) : null;
    if (!alarm) return nothing;
    return alarmDetail(this.services, alarm, {
      now, close: () => this.services.router.set({ alarm: null }), say: (what) => this._say(what, [alarm]),
    });
  }

  /**
   * @param {"acknowledge" | "clear"} what
   * @param {Alarm[]} alarms
   */
  async _say(what, alarms) {
    if (!(await sayOfAlarms(this.services, what, alarms.map((one) => one.id)))) return;
    this._chosen = new Set();
    this._single = null;
  }

  _empty() {
    const { state, severity, rule, host, q } = this._wanted;
    if (this._past && this.pages.error) return html`<p class="muted">Nothing could be read.</p>`;
    if (this._past && this.pages.busy) return html`<p class="muted">Reading…</p>`;
    if (severity || rule || host || q) {
      return empty({
        title: "No such alarm", text: "Take a filter away to see more.",
        action: html`<a class="button" href=${this.services.router.href("/alarms",
          { state: state === "open" ? null : state })}>Show all of this state</a>`,
        cli: cli(this.services, "guestwire alarm history"),
      });
    }
    return empty({
      title: state === "open" ? "No alarm is open" : "There are no such alarms",
      text: html`Rules say when an alarm is raised. <a
        href=${this.services.router.href("/alarms/rules")}>See the rules</a>, or the
        <a href=${this.services.router.href("/alarms", { state: "cleared" })}>history</a>.`,
      cli: cli(this.services, state === "open" ? "guestwire alarm list" : "guestwire alarm history"),
    });
  }
}

customElements.define("gw-alarms", Alarms);
