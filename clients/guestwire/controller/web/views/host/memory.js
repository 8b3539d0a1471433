/** The memory of a host: who has how much, huge pages, what is kept for the host. In Config mode the bars follow what is typed. */

import { html, nothing } from "lit";
import { bytes, mib } from "../../core/format.js";
import { pathText } from "../../core/edit_paths.js";
import { memoryMap, ofNode } from "../../core/memory_map.js";
import { cli } from "../../parts/cli.js";
import { away, onlyGuests } from "./away.js";
import { draftForm } from "./draft_form.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { memoryBars, partClass, partWord } from "./memory_bar.js";
import { hugePages } from "./memory_pools.js";
import { tableHead } from "./table_head.js";

/** @typedef {import("../../core/memory_map.js").Part} Part */

const LIVE_MS = 5000;
const LIVE = [
  "guestwire_host_memory_available_bytes", "guestwire_node_memory_free_bytes", "guestwire_node_hugepages_free", "guestwire_node_hugepages",
];
const CODES = /^(MEM-|HUGEPAGES-|NUMATUNE|NUMA-|RT-NO-LOCKED|SWAP-)/;

export class HostMemory extends HostPart {
  static properties = { ...HostPart.properties, _schema: { state: true }, _typed: { state: true }, _live: { state: true } };

  constructor() {
    super();
    /** @type {any} */
    this._schema = null;
    /** What is being typed: MiB by guest. @type {ReadonlyMap<string, number>} */
    this._typed = new Map();
    /** Newest values of telemetry by name and label. @type {ReadonlyMap<string, number>} */
    this._live = new Map();
  }

  connectedCallback() {
    super.connectedCallback();
    void this.services.schema().then((schema) => { this._schema = schema; });
    this.every(LIVE_MS, async (signal) => {
      const of = `{site="${this.params.site}",host="${this.params.host}"}`;
      const found = await Promise.all(LIVE.map((name) => this.services.api.get("/metrics/series", { selector: name + of }, signal)));
      const known = found.flatMap((page) => page.items).filter((one) => one.value !== null);
      this._live = new Map(known.map((one) => (
        [[one.name, one.labels.node, one.labels.page_bytes].filter(Boolean).join(" "), one.value])));
    });
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (!this.topology || !this.memory) return this.unread();
    if (onlyGuests(this.draft)) return away("What the memory is set aside for is");
    const typed = this._typed.size ? {
      ...desired, guests: desired.guests.map((/** @type {any} */ guest) => (
        this._typed.has(guest.name) ? { ...guest, memory_mib: this._typed.get(guest.name) } : guest)),
    } : desired;
    const map = memoryMap(typed, this.memory, this.topology);
    const nodes = this.topology.nodes.map((/** @type {any} */ node) => ({ id: node.id, map: ofNode(map, node) }));
    const names = typed.guests.map((/** @type {any} */ guest) => guest.name);
    const issues = this.config ? this.draft.issues.filter((issue) => CODES.test(issue.code)) : [];
    return html`<div class="stack">
      ${memoryBars(map, nodes, names)}
      ${this._now()}
      ${issueList(issues, "What the rules say of the memory")}
      ${this._parts(map, typed, names)}
      ${hugePages({
        desired, draft: this.draft, topology: this.topology, editable: this.editable, compare: this.config, live: this._live,
        sizes: this.data.inventory?.host?.facts?.capabilities?.hugepages_mib ?? [], services: this.services,
      })}
      ${this._kept(desired)}
      ${cli(this.services, `guestwire hardware memory ${this.params.host}`)}
    </div>`;
  }

  _now() {
    const available = this._live.get("guestwire_host_memory_available_bytes");
    if (available === undefined) return html`<p class="muted">How much can still be used now is not known.</p>`;
    return html`<p class="muted">Now: ${bytes(available)} of ${mib(this.memory)} can still be used${this.topology.nodes.length > 1
      ? this.topology.nodes.map((/** @type {any} */ node) => {
        const free = this._live.get(`guestwire_node_memory_free_bytes ${node.id}`);
        return free === undefined ? "" : `; NUMA ${node.id}: ${bytes(free)} free`;
      }) : ""}.</p>`;
  }

  /**
   * @param {import("../../core/memory_map.js").MemoryMap} map
   * @param {any} desired
   * @param {readonly string[]} names
   */
  _parts(map, desired, names) {
    return html`<section class="panel"><h2>Who has how much</h2><div class="scroll-x"><table class="table">
      <caption class="sr">Reservations of memory</caption>
      ${tableHead(["What", "Size", "Pages", "NUMA nodes"], { numbers: ["Size"] })}
      <tbody>${map.parts.filter((part) => part.mib || part.kind === "free").map((part) => html`
        <tr class=${this._changed(part) ? "changed" : ""}>
          <th scope="row"><i class="memory-key memory-part ${partClass(part, names)}"></i> ${partWord(part)}</th>
          <td class="end num" data-path=${part.kind === "guest" ? pathText(["guests", part.name, "memory_mib"]) : nothing}>
            ${part.kind === "guest" && this.editable ? this._size(part, desired) : mib(Math.round(part.mib))}${this._was(part)}</td>
          <td>${part.page ? `${mib(part.page)} huge pages` : part.kind === "area" || part.kind === "heap" ? "shared memory" : "ordinary"}</td>
          <td>${part.nodes.length ? part.nodes.join(", ") : "any"}</td></tr>`)}</tbody>
      <tfoot><tr><th scope="row">Memory of the host</th><td class="end num">${mib(map.total)}</td><td></td>
        <td>${this.topology.nodes.map((/** @type {any} */ node) => node.id).join(", ")}</td></tr></tfoot>
    </table></div></section>`;
  }

  /** @param {Part} part */
  _changed(part) {
    return this.config && part.kind === "guest" && this.draft.changed(pathText(["guest", part.name, "memory_mib"]));
  }

  /** @param {Part} part */
  _was(part) {
    if (!this._changed(part)) return nothing;
    const before = this.draft.before(pathText(["guest", part.name, "memory_mib"]));
    return html`<span class="muted"> ${before === undefined ? "new" : `was ${mib(before)}`}</span>`;
  }

  /**
   * @param {Part} part
   * @param {any} desired
   */
  _size(part, desired) {
    const guest = desired.guests.find((/** @type {any} */ one) => one.name === part.name);
    const type = (/** @type {any} */ event) => {
      const value = Number(event.target.value);
      if (Number.isInteger(value) && value >= 16 && value <= 1 << 24) this._typed = new Map(this._typed).set(part.name, value);
    };
    const done = (/** @type {any} */ event) => {
      const value = Number(event.target.value);
      this._typed = new Map([...this._typed].filter(([name]) => name !== part.name));
      if (Number.isInteger(value) && value >= 16 && value <= 1 << 24) {
        this.draft.edit([{ op: "set", path: pathText(["guest", part.name, "memory_mib"]), value }]);
      } else event.target.value = guest.memory_mib;
    };
    return html`<input class="num memory-size" type="number" min="16" step="1" aria-label="Memory of ${part.name} in MiB"
      .value=${String(guest.memory_mib)} @input=${type} @change=${done}> MiB`;
  }

  /** @param {any} desired */
  _kept(desired) {
    const common = { schema: this._schema, draft: this.draft, editable: this.editable, compare: this.config };
    return html`<section class="panel"><h2>What the host keeps</h2>
      ${draftForm({ ...common, model: "Policy", at: ["policy"], value: desired.policy, only: ["remaining_host_memory_mib"] })}
      ${draftForm({ ...common, model: "HostSettings", at: ["settings"], value: desired.settings, only: ["swap_mib"] })}</section>`;
  }
}
customElements.define("gw-host-memory", HostMemory);
