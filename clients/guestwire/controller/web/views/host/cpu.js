/** The CPUs of a host: who has which, how busy they are, and in Config mode the matrix to edit that with. */

import { html, nothing } from "lit";
import { assign, byPlace, cpuPlan, fixed } from "../../core/cpu_plan.js";
import { pathText } from "../../core/edit_paths.js";
import { memoryMap, ofNode } from "../../core/memory_map.js";
import { hardwareButton } from "../sync/hardware_sync.js";
import { cpuIssues } from "./cpu_issues.js";
import { onlyGuests } from "./away.js";
import { CpuLoads } from "./cpu_loads.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { memoryBars } from "./memory_bar.js";
import "./cpu_grid.js";

const LOAD_MS = 2500;
/** With more rows than this the matrix scrolls by itself, below its head. */
const TALL = 40;

export class HostCpu extends HostPart {
  connectedCallback() {
    super.connectedCallback();
    const loads = new CpuLoads(this.services.api, this.params.site, this.params.host);
    this.every(LOAD_MS, async () => {
      const ratios = await loads.read();
      const grid = this.grid;
      if (grid) grid.loads = ratios;
    });
  }

  /** @returns {import("./cpu_grid.js").CpuGrid | null} */
  get grid() {
    return this.querySelector("gw-cpu-grid");
  }

  render() {
    const desired = this.desired;
    const topology = this.topology;
    if (!desired) return this.waiting();
    if (!topology) return this.unread();
    const { draft } = this;
    const plan = cpuPlan(desired, topology.cpus);
    const before = this.config && draft.document && draft.active ? cpuPlan(draft.active, topology.cpus) : null;
    const found = cpuIssues(this.config ? draft.issues : [], plan, topology.cpus);
    const ordered = this.query.get("order") === "number" ? topology.cpus : byPlace(topology.cpus);
    const shown = { cpus: ordered, plan, before, config: this.editable, rows: found.rows, heads: found.heads };
    return html`<div class="stack host-cpu">
      ${this._bar(desired, topology)}
      ${onlyGuests(this.draft) ? html`<p class="issue w">Warning: the host is away. Which CPUs it keeps for itself and which
        profile holds is not known: this is as with the defaults.</p>` : nothing}
      <div class="cpu-scroll ${ordered.length > TALL ? "tall" : ""}" tabindex="-1">
        <gw-cpu-grid .shown=${shown} @assign=${this._assign} @vcpus=${this._vcpus} @frozen=${this._frozen}></gw-cpu-grid></div>
      ${issueList(found.list, "What the rules say of the CPUs")}
      ${this.editable ? plan.columns.map((one) => fixed(plan, one.key)).filter(Boolean)
        .map((why) => html`<p class="issue w">Warning: ${why}</p>`) : nothing}
      ${hardwareButton(this.services, this.host, found.list)}
      ${this._legend(plan)}
      ${this._memory(desired, topology)}
    </div>`;
  }

  /**
   * @param {any} desired
   * @param {any} topology
   */
  _bar(desired, topology) {
    const { router } = this.services;
    const number = this.query.get("order") === "number";
    const several = topology.cpus.some((/** @type {any} */ cpu, /** @type {number} */ at) => byPlace(topology.cpus)[at].id !== cpu.id);
    return html`<div class="toolbar">
      <h2 class="sr">CPU</h2>
      <p class="muted">${this.editable ? "Click, drag or use arrow keys and space to give CPUs. Nothing reaches the host until Sync."
        : this.config ? "Your role may look at the draft and not change it." : "What the host has now. Switch to Config to change it."}</p>
      <span class="fill"></span>
      ${several ? html`<button type="button" class="button quiet" aria-pressed=${number ? "true" : "false"}
        @click=${() => router.set({ order: number ? null : "number" })}>Order by number</button>` : nothing}
      ${this.editable && (desired.host_cpuset ?? null) !== null ? html`<button type="button" class="button"
        @click=${() => this.draft.edit([{ op: "default", path: "host_cpuset" }])}>HOST: all that no rt guest has</button>` : nothing}
    </div>`;
  }

  /** @param {import("../../core/cpu_plan.js").CpuPlan} plan */
  _legend(plan) {
    const rt = plan.columns.some((column) => column.pins.size > 0);
    const free = plan.columns.some((column) => column.kind !== "host" && !column.bound);
    return html`<p class="muted cpu-legend">
      ${rt ? html`<span>A number in a cell is the vCPU that runs there, e the other threads of an rt guest.</span>` : nothing}
      ${free ? html`<span>A dot: a guest without a CPU set, which may run there.</span>` : nothing}
      <span>Isolated: an rt guest owns the core. Shared: the host and guests.</span></p>`;
  }

  /**
   * @param {any} desired
   * @param {any} topology
   */
  _memory(desired, topology) {
    if (!this.memory) return nothing;
    const map = memoryMap(desired, this.memory, topology);
    const nodes = topology.nodes.map((/** @type {any} */ node) => ({ id: node.id, map: ofNode(map, node) }));
    return memoryBars(map, nodes, (desired.guests ?? []).map((/** @type {any} */ guest) => guest.name));
  }

  /** @param {CustomEvent<{key: string, cpus: number[], on: boolean}>} event */
  _assign({ detail }) {
    const { cpus } = this.topology;
    const edits = assign(this.desired, cpus, detail.key, detail.cpus, detail.on);
    if (edits.length) this.draft.edit(edits);
    else {
      const why = fixed(cpuPlan(this.desired, cpus), detail.key);
      this.services.say.info(why || "The host keeps at least one CPU: give it another first.");
    }
  }

  /** @param {CustomEvent<{key: string, value: number}>} event */
  _vcpus({ detail }) {
    this.draft.edit([{ op: "set", path: pathText(["guest", detail.key, "vcpus"]), value: detail.value }]);
  }

  _frozen() {
    this.services.say.info(this.config ? "Your role may not change the draft." : "Run mode only shows: switch to Config to give CPUs.");
  }
}
customElements.define("gw-host-cpu", HostCpu);
