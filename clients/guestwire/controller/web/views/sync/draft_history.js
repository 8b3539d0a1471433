/** Who changed what in a host's draft, and making the draft what it was in an earlier revision; a discarded one too. */

import { html, nothing } from "lit";
import { time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { fieldDifference } from "./difference.js";

/** @typedef {import("../../types/api.js").components["schemas"]["DraftHistoryEntry"]} Entry */

const MOST = 200;
/** @type {Record<string, string>} */
const KINDS = {
  edit: "edited", put: "written anew", merge: "edited, put together with others' edits", restore: "restored",
    discard: "discarded", pull: "pulled from the host",
  rebase: "brought up to the host", open: "opened from a project", import: "imported", apply: "applied",
  hardware: "made for another machine",
};

export class DraftHistory extends Part {
  static properties = { ...Part.properties, host: {}, _items: { state: true }, _problem: { state: true },
    _busy: { state: true } };

  constructor() {
    super();
    this.host = "";
    /** @type {Entry[] | null} */
    this._items = null;
    /** @type {Error | null} */
    this._problem = null;
    this._busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    void this._read();
    this.until(this.services.live.on("draft", (changes) => {
      if (!changes.length || changes.some((change) => change.key === this.host)) void this._read();
    }));
  }

  async _read() {
    try {
      [this._items, this._problem] = [await this.services.api.all(`/drafts/${this.host}/history`, { limit: 100 }, MOST),
        null];
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  render() {
    const items = this._items;
    const name = this.host.split("/")[1];
    return html`${this._problem
      ? html`<p class="issue e" role="alert"><span aria-hidden="true">✕</span> ${this._problem.message}</p>` : nothing}
      ${items === null ? (this._problem ? nothing : html`<p class="muted" aria-busy="true">Reading …</p>`)
        : items.length ? html`<ol class="sync-history">${items.map((one, n) => this._entry(one, n === 0))}</ol>`
        : empty({ title: "Nobody has edited a draft of this host.",
          text: "Every edit in Config mode is kept here, with who made it.",
            cli: cli(this.services, `guestwire project history ${name} --draft`) })}`;
  }

  /**
   * @param {Entry} one
   * @param {boolean} newest
   */
  _entry(one, newest) {
    const may = this.services.session.may("draft-edit", this.host);
    const open = this.query.get("revision") === String(one.revision);
    return html`<li class="panel">
      <div class="row"><strong
        class="num">${one.revision}</strong> <span>${one.author} ${KINDS[one.kind] ?? one.kind}</span> <span
          class="muted">${one.summary}</span>
        <span class="fill"></span><time class="muted" datetime=${new Date(one.at).toISOString()}>${time(one.at)}</time>
        ${newest || one.kind === "discard" ? nothing
          : html`<button type="button" class="button" ?disabled=${!may || this._busy}
          aria-label=${`Restore draft revision ${one.revision}`}
            @click=${() => this._restore(one)}>Restore…</button>`}</div>
      ${(one.changes ?? []).length
        ? html`<details ?open=${open}><summary>${(one.changes ?? []).length + (one.more ?? 0)}
          changes</summary>${fieldDifference(one.changes ?? [], one.more)}</details>` : nothing}
    </li>`;
  }

  /** @param {Entry} one */
  async _restore(one) {
    const { api, dialogs, drafts, say } = this.services;
    const newest = this._items?.[0]?.revision ?? 0;
    const sure = await dialogs.confirm({
      title: "Restore the draft", action: "Restore",
      text: `It becomes what it was in revision ${one.revision}, as a new revision. What it is now stays in this list.`,
    });
    if (!sure) return;
    this._busy = true;
    try {
      await api.send("POST", `/drafts/${this.host}/restore`, { body: { revision: one.revision }, ifMatch: newest });
      await Promise.all([drafts.of(this.host).reload(), this._read()]);
      say.done(`The draft is what it was in revision ${one.revision}.`);
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-draft-history", DraftHistory);
