/** The threads of a guest's process: what each is for, on which CPUs it may run, how it is scheduled. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { duration } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";

const AGAIN_MS = 2000;

/** @type {import("../../parts/table.js").Column[]} */
const COLUMNS = [
  { id: "role", label: "Role", value: (row) => (row.vcpu === null ? row.role : `vCPU ${row.vcpu}`) },
  { id: "name", label: "Name", value: (row) => row.name, cell: (row) => html`<span class="mono">${row.name}</span>` },
  { id: "tid", label: "Thread", value: (row) => row.tid, end: true },
  { id: "cpus", label: "CPUs", value: (row) => row.cpus, cell: (row) => html`<span class="mono">${row.cpus}</span>` },
  { id: "policy", label: "Scheduler", value: (row) => (row.priority ? `${row.policy} ${row.priority}` : row.policy) },
  { id: "cpu", label: "CPU time", value: (row) => row.cpu_ms, cell: (row) => duration(row.cpu_ms), end: true },
];

export class GuestThreads extends Part {
  static properties = {
    ...Part.properties, host: {}, guest: {}, state: {}, _open: { state: true }, _all: { state: true }, _problem:
      { state: true },
  };

  constructor() {
    super();
    this.host = "";
    this.guest = "";
    this.state = "";
    this._open = false;
    /** @type {any[] | null} */
    this._all = null;
    this._problem = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.every(AGAIN_MS, (signal) => this._read(signal));
  }

  /** @param {AbortSignal} [signal] */
  async _read(signal) {
    if (!this._open || ["stopped", "crashed", "unknown", ""].includes(this.state)) return;
    try {
      const reply = await this.services.api.operation(this.host, "guest-threads", { guest: this.guest }, signal);
      this._all = reply.threads.map((/** @type {any} */ one) => ({ ...one, id: String(one.tid) }));
      this._problem = "";
    } catch (error) {
      if (!signal?.aborted) this._problem = /** @type {Error} */ (error).message;
    }
  }

  render() {
    return html`<details class="panel" @toggle=${(/** @type {Event} */ event) => {
      this._open = /** @type {HTMLDetailsElement} */ (event.currentTarget).open;
      void this._read();
    }}><summary>Threads</summary>${this._open ? this._content() : nothing}</details>`;
  }

  _content() {
    if (["stopped", "crashed", "unknown", ""].includes(this.state)) return html`<p
      class="muted">A guest that is ${this.state || "not there"} has no process.</p>`;
    if (this._problem) return html`<p class="muted">The threads cannot be read: ${this._problem}</p>`;
    if (!this._all) return html`<p class="muted" role="status">Reading …</p>`;
    return html`<div class="stack"><gw-table .services=${this.services} .columns=${COLUMNS} .rows=${this._all}
      .sort=${"role"} .sort_name=${"threads"}
      .caption=${`Threads of ${this.guest}`}></gw-table>
      ${cli(this.services, line`guestwire guest threads ${this.host.split("/")[1]}/${this.guest}`)}</div>`;
  }
}

customElements.define("gw-guest-threads", GuestThreads);
