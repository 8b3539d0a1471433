/** The jobs of the fleet, newest first, by state, host, operation and person. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField, textField } from "../../parts/field.js";
import { jobStatus } from "../../parts/status.js";
import { ago, duration } from "../../core/format.js";
import { JobList } from "./job_list.js";
import { STATE_OPTIONS, filterOf, jobsCli } from "./job_words.js";

/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */

export class JobsView extends Part {
  static properties = { ...Part.properties, _operations: { state: true } };

  constructor() {
    super();
    /** Names of all that have an effect. @type {string[]} */
    this._operations = [];
  }

  connectedCallback() {
    super.connectedCallback();
    this._list = new JobList(this.services.api, this.services.live);
    this._list.begin();
    this.until(() => this._list?.end());
    this.watch(this._list);
    this._read().catch((error) => this.services.say.problem(error));
    this.every(5000, () => this.requestUpdate()); // the ages
  }

  async _read() {
    const { items } = await this.services.api.get("/operations");
    this._operations = items.filter((/** @type {any} */ one) => one.effect !== "none").map((/** @type {any} */ one) => one.name).sort();
  }

  willUpdate() {
    this._list?.find(this._filter);
  }

  get _filter() {
    return filterOf(this.query, this.services.live.map("host").keys());
  }

  render() {
    const list = /** @type {JobList} */ (this._list);
    const jobs = list.jobs;
    return html`<div class="stack">
      <h1>Jobs</h1>
      ${this._toolbar()}
      ${list.problem ? html`<p class="issue e" role="alert">✕ ${list.problem.message}</p>` : nothing}
      ${jobs.length ? html`<gw-table .services=${this.services} .columns=${jobColumns(this.services, Date.now())} .rows=${jobs}
          .sort=${"-created"} .caption=${"Jobs"} .row_href=${(/** @type {JobView} */ job) => this.services.router.href(`/jobs/${job.id}`)}></gw-table>`
        : list.problem ? nothing : list.known ? this._none(list) : html`<p role="status" aria-busy="true">Asking the controller…</p>`}
      ${list.more ? html`<button type="button" class="button" @click=${() => list.older()}>Older jobs</button>` : nothing}
    </div>`;
  }

  _toolbar() {
    const { router, live } = this.services;
    const filter = this._filter;
    const set = (/** @type {string} */ name) => (/** @type {string} */ value) => router.set({ [name]: value });
    const hosts = [...live.map("host").keys()].slice(0, 500);
    const people = [...new Set([...live.map("job").values()].map((job) => job.person))].sort();
    const operations = [...new Set([...this._operations, filter.operation].filter(Boolean))];
    return html`<form class="toolbar" aria-label="Which jobs" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      ${selectField({ id: "gw-jobs-state", label: "State", value: filter.state, options: STATE_OPTIONS, onChange: set("state") })}
      ${textField({
        id: "gw-jobs-host", label: "Host", value: this.query.get("host") ?? "", onInput: set("host"), list: "gw-jobs-hosts",
        placeholder: "site/host",
      })}
      ${selectField({
        id: "gw-jobs-operation", label: "Operation", value: filter.operation, onChange: set("operation"),
        options: [["", "Any operation"], ...operations],
      })}
      ${textField({ id: "gw-jobs-by", label: "Person", value: filter.by, onInput: set("by"), list: "gw-jobs-people" })}
      ${filter.rollout ? html`<span class="chip">of one rollout <a href=${router.href(`/rollouts/${filter.rollout}`)}>show it</a></span>` : nothing}
      ${Object.values(filter).some(Boolean) ? html`<a class="button quiet" href=${router.href("/jobs")}>Show all</a>` : nothing}
      <datalist id="gw-jobs-hosts">${hosts.map((host) => html`<option value=${host}></option>`)}</datalist>
      <datalist id="gw-jobs-people">${people.map((name) => html`<option value=${name}></option>`)}</datalist>
    </form>`;
  }

  /** @param {JobList} list */
  _none(list) {
    const filter = this._filter;
    const filtered = Object.values(filter).some(Boolean);
    return empty({
      title: filtered ? "No job matches" : "No jobs yet",
      text: list.more ? `None among the newest ${list.read} is what you look for: there are older ones.`
        : filtered ? "No job is what you look for." : "What hosts are asked to do shows up here, with how it ended.",
      cli: cli(this.services, jobsCli(filter)),
      action: filtered ? html`<a class="button" href=${this.services.router.href("/jobs")}>Show all</a>` : nothing,
    });
  }
}

/**
 * @param {import("../../core/services.js").Services} services
 * @param {number} now Unix ms
 * @returns {any[]}
 */
function jobColumns(services, now) {
  return [
    { id: "operation", label: "Operation", value: (/** @type {JobView} */ job) => job.operation },
    {
      id: "host", label: "Host", value: (/** @type {JobView} */ job) => job.host,
      cell: (/** @type {JobView} */ job) => html`<a href=${services.router.hostHref(job.host)}>${job.host}</a>`,
    },
    {
      id: "state", label: "State", value: (/** @type {JobView} */ job) => job.state,
      cell: (/** @type {JobView} */ job) => html`${jobStatus(job.state)} ${job.progress?.percent !== undefined && job.progress?.percent !== null
        ? html`<span class="num">${job.progress.percent} %</span>` : nothing}`,
    },
    { id: "code", label: "Code", value: (/** @type {JobView} */ job) => job.code ?? "" },
    { id: "person", label: "Person", value: (/** @type {JobView} */ job) => job.person },
    {
      id: "created", label: "Asked for", value: (/** @type {JobView} */ job) => job.created_at,
      cell: (/** @type {JobView} */ job) => ago(job.created_at, now),
    },
    {
      id: "took", label: "Took", end: true, value: (/** @type {JobView} */ job) => (job.finished_at ?? now) - job.created_at,
      cell: (/** @type {JobView} */ job) => duration((job.finished_at ?? now) - job.created_at),
    },
    { id: "note", label: "Note", value: (/** @type {JobView} */ job) => job.note },
  ];
}

customElements.define("gw-jobs", JobsView);
