/**
 * One action on many hosts: whom it reaches and whom it does not, its options, the number typed where it is destructive, its line
 * for a shell, and how it went.
 */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import "../../parts/host_key.js";
import { checkField, textField } from "../../parts/field.js";
import { counted } from "../../core/format.js";
import { bulkCli, labelsOf, reach } from "./bulk_actions.js";
import { hostKey } from "./host_columns.js";
import { oneByOne } from "./one_by_one.js";

/** @typedef {import("./bulk_actions.js").BulkAction} BulkAction */
/** @typedef {import("./bulk_actions.js").Chosen} Chosen */
/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */
/** @typedef {import("../../core/problem.js").Problem} Problem */

const NAMED = 24;
/** The controller makes jobs for so many hosts at once. */
const MOST_JOBS = 1000;

export class BulkDialog extends Part {
  static properties = {
    ...Part.properties, action: { attribute: false }, chosen: { attribute: false }, close: { attribute: false },
    _options: { state: true }, _labels: { state: true }, _typed: { state: true }, _done: { state: true }, _wrong: { state: true },
    _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {BulkAction} */
    this.action = /** @type {any} */ (null);
    /** @type {Chosen} */
    this.chosen = { hosts: [], q: null };
    /** @type {(done?: boolean) => void} */
    this.close = () => {};
    /** @type {Record<string, boolean>} */
    this._options = {};
    this._labels = "";
    this._typed = "";
    this._done = 0;
    /** @type {{item: HostSummary, problem: Problem}[]} */
    this._wrong = [];
    this._busy = false;
  }

  render() {
    const { action, chosen } = this;
    const { reached, left, away } = reach(action, chosen.hosts);
    return html`<form class="bulk-dialog" @submit=${(/** @type {Event} */ event) => this._submit(event, reached)}>
      <div class="dialog-body stack"><p>${action.text}</p>
      <p><strong>It reaches ${counted(reached.length, "host")}.</strong> ${names(reached)}</p>
      ${[...left].map(([why, hosts]) => html`<p class="muted">${counted(hosts.length, "host")} left out (${why}): ${names(hosts)}</p>`)}
      ${away.length && action.operation ? html`<p class="issue w">▲ ${counted(away.length, "host is", "hosts are")} not there
        now: each gets its job when it is back within an hour, else the job ends.</p>` : nothing}
      ${this._tooMany(reached.length) ? html`<p class="issue e">✕ Jobs are made for ${MOST_JOBS} hosts at once: start a rollout for
        more.</p>` : nothing}
      ${action.id === "approve" ? this._keys(reached) : nothing}
      ${this._fields(action)}
      ${action.typed && reached.length ? textField({
        id: "gw-bulk-typed", label: `Type the number of hosts (${reached.length}) to go on`, value: this._typed,
        onInput: (/** @type {string} */ text) => { this._typed = text; },
      }) : nothing}
      ${cli(this.services, bulkCli(action, { hosts: reached, q: chosen.q }, { labels: this._labels, options: this._options }))}
      <div aria-live="polite">${this._progress(reached.length)}</div>
      </div><footer>
        <button type="button" class="button" @click=${() => this.close()}>${this._wrong.length ? "Close" : "Cancel"}</button>
        <button type="submit" class="button ${action.typed ? "danger" : "primary"}" ?disabled=${!this._ready(reached.length)}>
          ${action.label}: ${counted(reached.length, "host")}</button>
      </footer>
    </form>`;
  }

  /** By which keys the sites know those that are let in. @param {readonly HostSummary[]} hosts */
  _keys(hosts) {
    if (!hosts.length) return nothing;
    return html`<div><p class="muted">Compare the key with the one that <code>guestwire-agent enrol</code> named at its end on
      the host.</p><dl class="kv bulk-keys">${hosts.slice(0, NAMED).map((host) => html`<dt>${hostKey(host)}</dt>
        <dd><gw-host-key .services=${this.services} .host=${hostKey(host)}></gw-host-key></dd>`)}</dl>
      ${hosts.length > NAMED ? html`<p class="muted">The key of each other is on its page.</p>` : nothing}</div>`;
  }

  /** @param {BulkAction} action */
  _fields(action) {
    if (action.id === "label") {
      const { problem } = labelsOf(this._labels);
      return textField({
        id: "gw-bulk-labels", label: "Labels", value: this._labels, hint: "As line=3 rack=b; line- takes that label away.",
        error: this._labels ? problem : "", onInput: (/** @type {string} */ text) => { this._labels = text; },
      });
    }
    return (action.options ?? []).map((option) => checkField({
      id: `gw-bulk-${option.id}`, label: option.label, value: this._options[option.id] ?? false,
      onChange: (/** @type {boolean} */ on) => { this._options = { ...this._options, [option.id]: on }; },
    }));
  }

  /** @param {number} reached */
  _progress(reached) {
    if (!this._busy && !this._wrong.length) return nothing;
    return html`<p>${this._done} of ${counted(reached, "host")} done.</p>
      ${this._wrong.map(({ item, problem }) => html`<p class="issue e">✕ ${hostKey(item)}: ${problem.code}, ${problem.message}</p>`)}`;
  }

  /** @param {number} reached */
  _tooMany(reached) {
    return Boolean(this.action.operation) && reached > MOST_JOBS;
  }

  /** @param {number} reached */
  _ready(reached) {
    if (this._busy || !reached || this._tooMany(reached)) return false;
    if (this.action.id === "label" && labelsOf(this._labels).problem) return false;
    return !this.action.typed || this._typed.trim() === String(reached);
  }

  /**
   * @param {Event} event
   * @param {HostSummary[]} reached
   */
  async _submit(event, reached) {
    event.preventDefault();
    if (!this._ready(reached.length)) return;
    this._busy = true;
    this._done = 0;
    this._wrong = [];
    const { action, services } = this;
    if (action.operation) {
      const hosts = reached.map(hostKey);
      this.close(true);
      await services.jobs.order({ operation: action.operation, hosts, body: { ...this._options } });
      return;
    }
    this._wrong = await oneByOne(reached, (host) => this._one(host), (done) => { this._done = done; });
    this._busy = false;
    if (this._wrong.length) return;
    services.say.done(`${action.label}: ${counted(reached.length, "host")} done.`);
    this.close(true);
  }

  /** @param {HostSummary} host */
  async _one(host) {
    const { api } = this.services;
    const path = `/hosts/${hostKey(host)}`;
    if (this.action.id === "forget") return api.send("DELETE", path);
    if (this.action.id !== "label") return api.send("POST", `${path}/${this.action.id}`);
    const now = await api.send("GET", path); // what is listed may be older than what the controller has
    return api.send("PATCH", path, { body: { labels: labelsOf(this._labels).labels }, ifMatch: now.etag ?? undefined });
  }
}

/** @param {readonly HostSummary[]} hosts */
function names(hosts) {
  const first = hosts.slice(0, NAMED).map(hostKey).join(", ");
  return hosts.length > NAMED ? `${first} and ${hosts.length - NAMED} more` : first;
}

customElements.define("gw-bulk-dialog", BulkDialog);
