/**
 * Messages of one host: what its agent said, the lines of its log, how much it says. What hosts tell by themselves is
 * notices.js.
 */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { severity } from "../../parts/status.js";
import { tabs } from "../../parts/tabs.js";
import { trouble } from "../../parts/trouble.js";
import "./log_lines.js";
import { LEVELS, levelIn } from "./notice_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Message"]} Message */
/** @typedef {import("../../types/api.js").components["schemas"]["MessageList"]} MessageList */

const EVERY_MS = 3000;
const MOST = 2000;
const PAGE = 200;
/** So many pages are asked for at once by who has fallen behind: what is before the last of them is not kept anyhow. */
const PAGES = MOST / PAGE;

/** For how long another level holds. @type {[string, string][]} */
const TIMES = [["600", "10 minutes"], ["3600", "an hour"], ["14400", "4 hours"], ["86400", "a day"], ["0",
  "until the agent restarts"]];

export class HostMessages extends Part {
  static properties = {
    ...Part.properties, messages: { state: true }, error: { state: true }, read: { state: true },
      paused: { state: true },
    new_level: { state: true }, ttl: { state: true },
  };

  constructor() {
    super();
    this.follow("host");
    /** Oldest first. @type {readonly Message[]} */
    this.messages = [];
    /** @type {unknown} */
    this.error = null;
    this.read = false;
    this.paused = false;
    this.new_level = "debug";
    this.ttl = "3600";
    this._log = "";
    this._turn = 0;
  }

  get _host() {
    return `${this.params.site}/${this.params.host}`;
  }

  get _level() {
    const level = this.query.get("level") ?? "";
    return levelIn(level, "info");
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(EVERY_MS, (signal) => (this.paused || this.query.get("show") === "log" ? undefined
      : this._look(signal)));
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {URLSearchParams | undefined} */ (changed.get("query"));
    if (before && (before.get("level") !== this.query.get("level")
      || before.get("show") !== this.query.get("show"))) this._anew();
  }

  render() {
    const { router } = this.services;
    const log = this.query.get("show") === "log";
    const path = `/hosts/${this._host}/messages`;
    return html`<section class="gw-host-messages stack">
      ${tabs([
        { label: "Messages", href: router.href(path, { level: this.query.get("level") }), current: !log },
        { label: "Log lines", href: router.href(path, { show: "log", level: this.query.get("level") }), current: log },
      ], "Messages of the agent")}
      ${this._levelForm()}
      ${log ? html`<gw-log-lines .services=${this.services} .host=${this._host} .query=${this.query}></gw-log-lines>`
        : this._messages()}
    </section>`;
  }

  _messages() {
    const { api, router, session } = this.services;
    const words = (this.query.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    const rows = this.messages.filter((one) => words.every((word) =>
      text(one).toLowerCase().includes(word))).toReversed();
    return html`<div class="toolbar gw-filters">
        ${selectField({ id: "gw-host-messages-level", label: "Level", value: this._level, options: LEVELS.map((one) =>
          [one, one === "error" ? "error" : `${one} and above`]), onChange: (value) =>
            router.set({ level: value === "info" ? null : value }) })}
        ${textField({ id: "gw-host-messages-q", label: "Text", type: "search", value: this.query.get("q") ?? "",
          onInput: (value) => router.set({ q: value || null }) })}
        <button type="button" class="button" aria-pressed=${this.paused} @click=${() => (this.paused = !this.paused)}>
          ${this.paused ? "Follow" : "Pause"}</button>
        <a class="button" download href=${api.address(`/hosts/${this._host}/messages`, { level: this._level, limit: 500,
          format: "file" })}>Download</a>
        ${session.may("log-clear", this._host) ? html`<button type="button" class="button danger"
          @click=${() => void this._clear()}>Clear</button>` : nothing}
        <span class="muted" role="status">${counted(rows.length, "message")}${this.paused ? ", paused" : ""}</span>
      </div>
      ${trouble(this.error, () => this._anew())}
      ${rows.length ? html`<table class="table gw-log">
        <caption class="sr">What the agent said, the newest first</caption>
        <thead><tr><th scope="col" class="end">No.</th><th scope="col">Time</th><th scope="col">Level</th><th
          scope="col">Message</th><th scope="col">More</th></tr></thead>
        <tbody>${repeat(rows.slice(0, 500), (one) => one.seq, (one) => html`<tr>
          <td class="end num">${one.seq}</td><td class="num nowrap">${time(one.at)}</td><td>${severity(one.level)}</td>
          <td class="gw-said">${one.event}</td><td class="mono gw-said">${fields(one)}</td>
        </tr>`)}</tbody>
      </table>` : this.error ? nothing : !this.read ? html`<p class="muted">Asking the host …</p>` : empty({
        title: words.length ? "No message fits" : "No messages of this level",
        text: words.length ? "Take the text away, or choose a lower level."
          : "The agent says more when its level is lower: set it above for a time.",
        cli: cli(this.services, `guestwire messages ${this.params.host} --level ${this._level}`),
      })}`;
  }

  _levelForm() {
    if (!this.services.session.may("log-level", this._host)) return nothing;
    return html`<form class="toolbar gw-filters panel"
      @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._setLevel(); }}>
      ${selectField({ id: "gw-host-messages-new-level", label: "The agent says", value: this.new_level,
        options: [["off", "nothing (off)"], ...LEVELS.map((one) => /** @type {[string, string]} */ ([one,
          one === "error" ? "error" : `${one} and above`]))],
        onChange: (value) => (this.new_level = value) })}
      ${selectField({ id: "gw-host-messages-ttl", label: "For", value: this.ttl, options: TIMES, onChange: (value) =>
        (this.ttl = value) })}
      <button class="button">Set the level</button>
    </form>`;
  }

  async _setLevel() {
    await this.services.jobs.order({ operation: "log-level", hosts: [this._host], body: { level: this.new_level,
      ttl_s: Number(this.ttl) } });
  }

  async _clear() {
    const { dialogs, jobs } = this.services;
    const text = "The agent forgets its messages and its log files. The audit log stays.";
    if (!(await dialogs.confirmName({ title: "Clear messages and log", text, name: this.params.host,
      action: "Clear" }))) return;
    const made = await jobs.order({ operation: "log-clear", hosts: [this._host], body: {} });
    await Promise.all(made.map((job) => jobs.ended(job.id).catch(() => null)));
    this._anew();
  }

  /** From the beginning: another level, or what was there is gone. */
  _anew() {
    this.messages = [];
    this.read = false;
    this._log = "";
    this._turn += 1;
    void this._look();
  }

  /** @param {AbortSignal} [signal] */
  async _look(signal) {
    for (let asked = 1; await this._page(signal) && asked < PAGES; asked += 1);
  }

  /**
   * Ask for what comes after the last that is here.
   * @param {AbortSignal} [signal]
   * @returns {Promise<boolean>} whether there is probably more
   */
  async _page(signal) {
    const turn = this._turn;
    const last = this.messages.at(-1)?.seq;
    try {
      /** @type {MessageList} */
      const found = await this.services.api.get(`/hosts/${this._host}/messages`, { level: this._level, limit: PAGE,
        after: last ?? null }, signal);
      if (turn !== this._turn) return false;
      const same = last !== undefined && this._log === found.log;
      if (last !== undefined && !same) { // the agent numbers anew
        this._anew();
        return false;
      }
      this._log = found.log;
      if (found.messages.length || !this.read) this.messages = [...(same ? this.messages
        : []), ...found.messages].slice(-MOST);
      this.error = null;
      this.read = true;
      return same && found.messages.length >= PAGE && !this.paused;
    } catch (error) {
      if (!signal?.aborted && turn === this._turn) this.error = error;
      return false;
    }
  }
}

/** @param {Message} one */
function fields(one) {
  return Object.entries(one.fields ?? {}).filter(([, value]) => value !== "" && value !== null).map(([name, value]) =>
    `${name}=${String(value)}`).join(" ");
}

/** @param {Message} one */
function text(one) {
  return `${one.event} ${fields(one)}`;
}

customElements.define("gw-host-messages", HostMessages);
