/**
 * The audit log of a host, as the controller collected it: what it was asked, by whom, what came of it, and whether it
 * is whole.
 */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { ago, counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import { Loading, Pages } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { momentOf, timeFields } from "./audit_times.js";
import { plainWords } from "../../parts/plain_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["HostRowShown"]} Row */
/** @typedef {import("../../types/api.js").components["schemas"]["HostLogShown"]} Log */

const FILTERS = ["host", "operation", "principal", "code", "since", "until", "log"];

/** More than that is opened by who wants it. */
const LONG = 80;

/** @type {readonly [name: string, label: string][]} */
const WORDS = [["operation", "Operation"], ["principal", "Asked by"], ["code", "Code"]];

/** What has a column of its own, or is the chain itself. */
const TOLD = new Set(["at", "operation", "principal", "code", "seq", "log", "v"]);

export class HostAudit extends Part {
  static properties = { ...Part.properties, host: { attribute: false } };

  constructor() {
    super();
    /** "site/host" */
    this.host = "";
    /** @type {Loading<{items: Log[]}>} */
    this.logs = new Loading(this, (signal) => this.services.api.get(`/hosts/${this.host}/audit/logs`, {}, signal));
    /** @type {Pages<Row>} */
    this.pages = new Pages(this, (cursor, signal) =>
      this.services.api.get(`/hosts/${this.host}/audit`, { ...this._asked, limit: 100, cursor }, signal));
  }

  get _asked() {
    const words = Object.fromEntries([...WORDS.map(([name]) => name), "log"].map((name) => [name,
      this.query.get(name)]));
    return { ...words, since: momentOf(this.query.get("since")), until: momentOf(this.query.get("until")) };
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {URLSearchParams | undefined} */ (changed.get("query"));
    if (!before || !FILTERS.some((name) => before.get(name) !== this.query.get(name))) return;
    if (before.get("host") !== this.query.get("host")) void this.logs.again();
    void this.pages.again();
  }

  render() {
    const { router } = this.services;
    const logs = this.logs.document?.items ?? [];
    return html`<div class="stack">
      <div class="toolbar gw-filters">
        ${WORDS.map(([name, label]) => textField({ id: `gw-host-audit-${name}`, label, type: "search",
          value: this.query.get(name) ?? "",
          onInput: (value) => router.set({ [name]: value || null }) }))}
        ${timeFields("gw-host-audit", this.query, router)}
        ${logs.length > 1 ? selectField({ id: "gw-host-audit-log", label: "Which log",
          value: this.query.get("log") ?? "",
          options: logs.map((one, at) => /** @type {[string, string]} */ ([at ? one.log
            : "", `begun ${time(one.began_at)}`])),
          onChange: (value) => router.set({ log: value || null }) }) : nothing}
        <button type="button" class="button quiet" ?disabled=${this.pages.busy}
          @click=${() => { void this.logs.again(); void this.pages.again(); }}>Read again</button>
      </div>
      ${trouble(this.logs.error)} ${this._standing(logs)}
      ${trouble(this.pages.error, () => void this.pages.again())} ${this._table()}
      ${this.pages.next ? html`<button type="button" class="button" ?disabled=${this.pages.busy}
        @click=${() => void this.pages.more()}>Older rows</button>` : nothing}
      ${cli(this.services, `guestwire audit verify --host ${this.host.split("/")[1]}`)}
    </div>`;
  }

  /** @param {Log[]} logs */
  _standing(logs) {
    const log = logs.find((one) => one.log === this.query.get("log")) ?? logs[0];
    if (!log) return nothing;
    if (log.seq < log.first) return html`<p class="muted">Nothing of it was collected yet.</p>`;
    return html`<p>Rows ${log.first} to ${log.seq}, collected <span
      title=${time(log.collected_at)}>${ago(log.collected_at, Date.now())}</span>.
      ${log.trouble ? html`<span class="issue e"><span
        aria-hidden="true">✕</span> ${log.trouble}${log.trouble_seq === null ? ""
          : `, at row ${log.trouble_seq}`}</span>`
        : pill("ok", "✓", "whole")}</p>`;
  }

  _table() {
    if (!this.pages.items.length) {
      return this.pages.read ? empty({ title: "No row",
        text: "Either no row fits the filters, or nothing of this host's log was collected yet.",
        cli: cli(this.services, `guestwire audit list ${this.host.split("/")[1]}`) })
        : this.pages.error ? nothing : html`<p class="muted">Reading the log …</p>`;
    }
    return html`<table class="table gw-log">
      <caption class="sr">Audit log of ${this.host}, the newest first</caption>
      <thead><tr><th scope="col" class="end">No.</th><th scope="col">Time</th><th scope="col">Asked by</th><th
        scope="col">Operation</th>
        <th scope="col">Code</th><th scope="col">Chain</th><th scope="col">More</th></tr></thead>
      <tbody>${repeat(this.pages.items, (one) => one.hash, (one) => html`<tr>
        <td class="end num">${one.seq}</td><td class="num nowrap">${time(one.at)}</td><td
          class="mono">${text(one.said.principal)}</td>
        <td class="mono">${text(one.said.operation)}</td><td
          class="mono">${text(one.said.code)}</td><td>${mark(one.mark)}</td>
        <td class="mono gw-said">${brief(one.said)}</td></tr>`)}</tbody>
    </table><p class="muted" role="status">${counted(this.pages.items.length, "row")} shown</p>`;
  }
}

/** @param {string} word */
function mark(word) {
  if (word === "broken") return pill("err", "✕", "broken");
  return word === "unsigned" ? pill("warn", "▲", "unsigned") : pill("ok", "✓", "follows");
}

/** @param {unknown} value */
function text(value) {
  return value === undefined || value === null || value === "" ? "–" : String(value);
}

/** @param {Record<string, unknown>} said */
function brief(said) {
  const words = plainWords(said, TOLD);
  return words.length > LONG ? html`<details><summary>${words.slice(0, LONG)} …</summary>${words}</details>` : words;
}

customElements.define("gw-host-audit", HostAudit);
