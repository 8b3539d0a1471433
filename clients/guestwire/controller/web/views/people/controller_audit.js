/** The controller's own audit log: filters, the check of its chain of hashes, and the whole of it as a file. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { counted, time } from "../../core/format.js";
import { empty } from "../../parts/empty.js";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import { Pages } from "../../parts/loading.js";
import { trouble } from "../../parts/trouble.js";
import { momentOf, timeFields } from "./audit_times.js";
import { noRight } from "./no_right.js";
import { plainWords } from "../../parts/plain_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["AuditShown"]} Row */
/** @typedef {import("../../types/api.js").components["schemas"]["AuditChecked"]} Checked */

const FILTERS = ["person", "action", "target", "since", "until"];

/** More than that is opened by who wants it. */
const LONG = 80;

/** @type {readonly [name: string, label: string][]} */
const WORDS = [["person", "Person"], ["action", "Action"], ["target", "About"]];

export class ControllerAudit extends Part {
  static properties = { ...Part.properties, checked: { state: true }, checking: { state: true },
    error: { state: true } };

  constructor() {
    super();
    /** @type {Checked | null} */
    this.checked = null;
    this.checking = false;
    /** @type {unknown} */
    this.error = null;
    /** @type {Pages<Row>} */
    this.pages = new Pages(this, (cursor, signal) => this.services.api.get("/audit", { ...this._asked, limit: 100,
      cursor }, signal));
  }

  get _asked() {
    const words = Object.fromEntries(WORDS.map(([name]) => [name, this.query.get(name)]));
    return { ...words, since: momentOf(this.query.get("since")), until: momentOf(this.query.get("until")) };
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {URLSearchParams | undefined} */ (changed.get("query"));
    if (before && FILTERS.some((name) => before.get(name) !== this.query.get(name))) void this.pages.again();
  }

  render() {
    const { api, router, session } = this.services;
    if (!session.may("audit-read")) return noRight("To read the audit log takes the role admin on everything.", router);
    return html`<div class="stack">
      <div class="toolbar gw-filters">
        ${WORDS.map(([name, label]) => textField({ id: `gw-audit-${name}`, label, type: "search",
          value: this.query.get(name) ?? "",
          onInput: (value) => router.set({ [name]: value || null }) }))}
        ${timeFields("gw-audit", this.query, router)}
      </div>
      <div class="toolbar">
        <button type="button" class="button" ?disabled=${this.checking} @click=${() => void this._check()}>
          ${this.checking ? "Checking …" : "Check the chain"}</button>
        <a class="button" download href=${api.address("/audit/export", this._asked)}>Export</a>
        <button type="button" class="button quiet" ?disabled=${this.pages.busy}
          @click=${() => void this.pages.again()}>Read again</button>
        <span class="muted">Filters are exact: a person by name, an action as guest-start, a target as it is
          written.</span>
      </div>
      <div aria-live="polite">${this.checked ? checkWords(this.checked) : nothing}</div>
      ${trouble(this.error)} ${trouble(this.pages.error, () => void this.pages.again())} ${this._table()}
      ${this.pages.next ? html`<button type="button" class="button" ?disabled=${this.pages.busy}
        @click=${() => void this.pages.more()}>Older rows</button>` : nothing}
    </div>`;
  }

  _table() {
    if (!this.pages.items.length) {
      return this.pages.read ? empty({ title: "No row fits", text: "Take a filter away." })
        : this.pages.error ? nothing : html`<p class="muted">Reading the log …</p>`;
    }
    return html`<table class="table gw-log">
      <caption class="sr">Audit log of the controller, the newest first</caption>
      <thead><tr><th scope="col" class="end">No.</th><th scope="col">Time</th><th scope="col">Person</th><th
        scope="col">Action</th>
        <th scope="col">About</th><th scope="col">Outcome</th><th scope="col">From</th><th
          scope="col">More</th></tr></thead>
      <tbody>${repeat(this.pages.items, (one) => one.seq, (one) => html`<tr>
        <td class="end num">${one.seq}</td><td class="num nowrap">${time(one.at)}</td><td>${one.person
          || "somebody unknown"}</td>
        <td class="mono">${one.action}</td><td class="gw-said">${one.target}</td><td>${outcome(one.outcome)}</td>
        <td class="mono">${one.address}</td><td class="mono gw-said">${brief(one.detail)}</td></tr>`)}</tbody>
    </table>`;
  }

  async _check() {
    this.checking = true;
    this.error = null;
    this.checked = null;
    try {
      this.checked = await this.services.api.get("/audit/check");
    } catch (error) {
      this.error = error;
    }
    this.checking = false;
  }
}

/** @param {Checked} found */
function checkWords(found) {
  const signed = found.signed
    ? `The controller signed it up to row ${found.signed.seq} as ${found.signed.principal} at ${time(found.signed.at)}${
    found.signed.verified ? `; the trust document of ${found.signed.site} vouches for that.`
      : "; that could not be checked by a trust document."}`
    : "The controller has no key to sign it with.";
  if (found.broken !== null) {
    return html`<p class="issue e"><span aria-hidden="true">✕</span> Row ${found.broken} is not what it should be:
      ${found.why ?? "the hashes do not follow"}.</p>`;
  }
  return html`<p class="issue ok"><span aria-hidden="true">✓</span> ${counted(found.rows, "row")} from number
    ${found.oldest} on, every one as it was
    written. ${signed} <span class="muted mono gw-said">${found.hash}</span></p>`;
}

/** @param {string} code */
function outcome(code) {
  return code === "ok" ? pill("ok", "✓", "done") : pill("err", "✕", code);
}

/** @param {Record<string, unknown>} detail */
function brief(detail) {
  const text = plainWords(detail);
  return text.length > LONG ? html`<details><summary>${text.slice(0, LONG)} …</summary>${text}</details>` : text;
}

customElements.define("gw-controller-audit", ControllerAudit);
