/** The revisions that a host keeps: who, when, what; what differs between any two; and the way back to one. */

import { html, nothing } from "lit";
import { differences } from "../../core/changes.js";
import { time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { pill } from "../../parts/status.js";
import { fieldDifference, textLines } from "./difference.js";

/** @typedef {import("../../types/api.js").components["schemas"]["RevisionShown"]} RevisionShown */
/** @typedef {{number: number, desired: any, text: string}} Kept */

/** @type {Record<string, string>} */
const ORIGINS = { apply: "applied", rollback: "rolled back", adopt: "adopted", first: "the first" };

export class Revisions extends Part {
  static properties = {
    ...Part.properties, host: {}, _items: { state: true }, _live: { state: true }, _problem: { state: true },
      _pair: { state: true }, _busy: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    /** @type {RevisionShown[] | null} */
    this._items = null;
    this._live = true;
    /** @type {Error | null} */
    this._problem = null;
    /** @type {[Kept, Kept] | null} */
    this._pair = null;
    this._busy = false;
    this._wanted = "";
  }

  connectedCallback() {
    super.connectedCallback();
    void this._read();
    const seen = () => this.services.live.get("host", this.host)?.active_revision;
    let known = seen();
    this.until(this.services.live.on("host", () => {
      if (seen() === known) return;
      known = seen();
      void this._read();
    }));
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    if (changed.has("query") || changed.has("_items")) void this._compare();
  }

  async _read() {
    try {
      const page = await this.services.api.get(`/hosts/${this.host}/revisions`, { limit: 200 });
      const active = await this.services.api.operation(this.host, "config-show").catch(() => null);
      const items = page.items;
      // a host that nothing was applied to keeps no list, and has its first revision all the same
      const told = items.some((/** @type {RevisionShown} */ one) => one.number === active?.revision.number);
      if (active && !told) items.unshift(active.revision);
      [this._items, this._live, this._problem] = [items, page.live, null];
    } catch (error) {
      this._problem = /** @type {Error} */ (error);
    }
  }

  /**
   * The two revisions that are compared: as the address says, else the last change. @returns {[number, number] | null}
   */
  get _chosen() {
    const items = this._items ?? [];
    const of = (/** @type {string} */ name, /** @type {number | undefined} */ otherwise) =>
      this.query.get(name) === null ? otherwise : Number(this.query.get(name));
    const [from, to] = [of("from", items[1]?.number ?? (items[0]?.number ? items[0].number - 1 : undefined)),
      of("to", items[0]?.number)];
    return from === undefined || to === undefined ? null : [from, to];
  }

  async _compare() {
    const chosen = this._chosen;
    if (!chosen || chosen.join() === this._wanted) return;
    this._wanted = chosen.join();
    try {
      const [from, to] = await Promise.all(chosen.map((number) => this._revision(number)));
      if (this._wanted !== chosen.join()) return;
      [this._pair, this._problem] = [[from, to], null];
    } catch (error) {
      [this._pair, this._problem, this._wanted] = [null, /** @type {Error} */ (error), ""];
    }
  }

  /**
   * @param {number} number
   * @returns {Promise<Kept>}
   */
  async _revision(number) {
    const [shown, { text }] = await Promise.all([
      this.services.api.operation(this.host, "config-show", { revision: number }),
        this.services.api.get(`/hosts/${this.host}/revisions/${number}`),
    ]);
    return { number, desired: shown.desired, text };
  }

  render() {
    const items = this._items;
    return html`${this._problem
      ? html`<p class="issue e" role="alert"><span aria-hidden="true">✕</span> ${this._problem.message}</p>` : nothing}
      ${this._live ? nothing
        : html`<p class="issue w"><span
          aria-hidden="true">▲</span> The host is away: these are the revisions it has told of before.</p>`}
      ${items === null ? (this._problem ? nothing : html`<p class="muted" aria-busy="true">Asking the host …</p>`)
        : items.length ? this._table(items) : this._none()}
      ${items && (items.length > 1 || this._chosen?.[0] !== this._chosen?.[1]) ? this._difference(items) : nothing}`;
  }

  _none() {
    return empty({ title: "The host keeps no revisions.", text: "Apply a draft: what was there before is kept.",
      cli: cli(this.services, `guestwire project history ${this._name}`) });
  }

  get _name() {
    return this.host.split("/")[1];
  }

  /** @param {RevisionShown[]} items */
  _table(items) {
    const { router, session } = this.services;
    const may = session.may("config-apply", this.host);
    return html`<div class="sync-scroll" tabindex="0" role="region" aria-label="Revisions"><table class="table"><caption
      class="sr">Revisions, newest first</caption>
      <thead><tr><th scope="col">Revision</th><th scope="col">When</th><th scope="col">How</th><th
        scope="col">Who</th><th scope="col">Why</th>
        <th scope="col"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${items.map((one, n) => html`<tr>
        <th scope="row" class="num">${one.number} ${n === 0 ? pill("ok", "●", "active") : nothing}</th>
        <td>${time(one.applied_at)}</td><td>${ORIGINS[one.origin ?? "apply"] ?? one.origin}</td>
        <td>${one.person ?? (one.author || "nobody")}${one.job_id
          ? html` <a href=${router.href(`/jobs/${one.job_id}`)} aria-label=${`Job of revision ${one.number}`}>job</a>`
            : nothing}</td>
        <td>${one.comment || ""}</td>
        <td class="row">${one.number
          ? html`<a href=${router.hostHref(this.host, "/history", { from: one.number - 1, to: one.number })}
            aria-label=${`Changes of revision ${one.number}`}>Changes</a>` : nothing}
          ${n === 0 ? nothing : html`<button type="button" class="button" ?disabled=${!may || this._busy}
            aria-label=${`Roll back to revision ${one.number}`}
            @click=${() => this._back(one.number)}>Roll back…</button>`}</td></tr>`)}</tbody></table></div>`;
  }

  /** @param {RevisionShown[]} items */
  _difference(items) {
    const chosen = this._chosen;
    const numbers = [...new Set([...items.map((one) => one.number), 0, ...(chosen ?? [])])].sort((a, b) => b - a);
    const options = numbers.map((one) => /** @type {[string, string]} */ ([String(one), `Revision ${one}`]));
    const pick = (/** @type {string} */ name) => (/** @type {string} */ value) =>
      this.services.router.set({ [name]: value });
    return html`<section class="panel" aria-labelledby="gw-revisions-compare"><h2 id="gw-revisions-compare">Compare</h2>
      <div class="row">${selectField({ id: "gw-revisions-from", label: "From", value: chosen?.[0], options,
        onChange: pick("from") })}
        ${selectField({ id: "gw-revisions-to", label: "To", value: chosen?.[1], options, onChange: pick("to") })}</div>
      <div aria-live="polite">${this._pair ? this._compared(this._pair) : chosen && !this._problem
        ? html`<p aria-busy="true">Reading …</p>` : nothing}</div></section>`;
  }

  /** @param {[Kept, Kept]} pair */
  _compared([from, to]) {
    return html`${fieldDifference(differences(from.desired, to.desired))}
      <details><summary>The project files, line by line</summary>${textLines(from.text, to.text,
        `Revision ${from.number} and ${to.number}, line by line`)}</details>
      ${to.number ? cli(this.services, `guestwire project diff ${this._name} --revision ${to.number}`) : nothing}`;
  }

  /** @param {number} to */
  async _back(to) {
    const { api, router, say } = this.services;
    this._busy = true;
    try {
      const { document } = await api.send("POST", `/drafts/${this.host}/rollback`, { body: { to } });
      router.follow(router.hostHref(this.host, "/sync", { plan: document.plan.plan_id }));
    } catch (error) {
      say.problem(error);
    } finally {
      this._busy = false;
    }
  }
}
customElements.define("gw-revisions", Revisions);
