/**
 * One action on many hosts: whom it reaches and whom it does not, its options, the number typed where it is destructive, its line
 * for a shell, and how it went.
 */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import "../../parts/host_key.js";
import { checkField, textField } from "../../parts/field.js";
import { awayText } from "../../core/commands.js";
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
    _options: { state: true }, _labels: { state: true }, _typed: { state: true }, _wrong: { state: true },
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
    /** Those that it is done for. @type {Set<HostSummary>} */
    this._done = new Set();
    /** Of how many. */
    this._of = 0;
    /** @type {{item: HostSummary, problem: Problem}[]} */
    this._wrong = [];
    this._busy = false;
    /** What is done one by one ends when it is stopped, and with the dialog: nobody sees how it goes on. */
    this._stop = new AbortController();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._stop.abort();
  }

  render() {
    const { action, chosen } = this;
    const { reached, left, away } = reach(action, chosen.hosts);
    return html`<form class="bulk-dialog" @submit=${(/** @type {Event} */ event) => this._submit(event, reached)}>
      <div class="dialog-body stack"><p>${action.text}</p>
      <p><strong>It reaches ${counted(reached.length, "host")}.</strong> ${names(reached)}</p>
      ${[...left].map(([why, hosts]) => html`<p class="muted">${counted(hosts.length, "host")} left out (${why}): ${names(hosts)}</p>`)}
      ${away.length && action.operation ? html`<p class="issue w">▲ ${awayText(counted(away.length, "host is", "hosts are"), "each")}</p>`
        : nothing}
      ${this._tooMany(reached.length) ? html`<p class="issue e">✕ Jobs are made for ${MOST_JOBS} hosts at once: start a rollout for
        more.</p>` : nothing}
      ${action.id === "approve" ? this._keys(reached) : nothing}
      ${this._fields(action)}
      ${action.typed && reached.length ? textField({
        id: "gw-bulk-typed", label: `Type the number of hosts (${reached.length}) to go on`, value: this._typed,
        onInput: (/** @type {string} */ text) => { this._typed = text; },
      }) : nothing}
      ${cli(this.services, bulkCli(action, { hosts: reached, q: chosen.q }, { labels: this._labels, options: this._options }))}
      <div aria-live="polite">${this._progress()}</div>
      </div><footer>
        ${this._busy ? html`<button type="button" class="button" ?disabled=${this._stop.signal.aborted} @click=${this._halt}>Stop</button>`
          : html`<button type="button" class="button" @click=${() => this.close()}>${this._of ? "Close" : "Cancel"}</button>`}
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

  _progress() {
    if (!this._of) return nothing;
    return html`<p>${this._busy ? "" : this._stop.signal.aborted ? "Stopped. " : ""}${this._doneText()}</p>
      ${this._wrong.map(({ item, problem }) => html`<p class="issue e">✕ ${hostKey(item)}: ${problem.code}, ${problem.message}</p>`)}`;
  }

  _doneText() {
    return `${this._done.size} of ${counted(this._of, "host")} done.`;
  }

  _halt() {
    this._stop.abort();
    this.requestUpdate();
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
    const { action, services } = this;
    if (action.operation) {
      this.close(true);
      await services.jobs.order({ operation: action.operation, hosts: reached.map(hostKey), body: { ...this._options } });
      return;
    }
    await this._oneByOne(reached);
    if (this._done.size === reached.length) {
      services.say.done(`${action.label}: ${counted(reached.length, "host")} done.`);
      this.close(true);
    } else if (!this.isConnected) {
      const wrong = this._wrong.length ? ` ${this._wrong.length} went wrong.` : "";
      services.say.info(`${action.label}: stopped, as its dialog was left. ${this._doneText()}${wrong}`);
    } else this.chosen = { ...this.chosen, hosts: this.chosen.hosts.filter((host) => !this._done.has(host)) };
  }

  /** @param {HostSummary[]} hosts */
  async _oneByOne(hosts) {
    this._busy = true;
    this._done = new Set();
    this._of = hosts.length;
    this._wrong = [];
    this._typed = "";
    this._stop = new AbortController();
    const told = (/** @type {HostSummary} */ host) => {
      this._done.add(host);
      this.requestUpdate();
    };
    this._wrong = await oneByOne(hosts, (host) => this._one(host), told, this._stop.signal);
    this._busy = false;
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
