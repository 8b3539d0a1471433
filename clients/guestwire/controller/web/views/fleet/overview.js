/**
 * The fleet: how it does in numbers, and its hosts, found by a selection, put together by what they have in common, with what
 * can be done with many of them. The address has all of it.
 */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { selectField } from "../../parts/field.js";
import { counted } from "../../core/format.js";
import { word } from "../../core/command_line.js";
import { bulkBar } from "./bulk_bar.js";
import { FoundHosts } from "./found_hosts.js";
import { GroupMembers } from "./group_members.js";
import { groupSections } from "./group_sections.js";
import { alarmsByHost } from "./health.js";
import { healthPanels } from "./health_panels.js";
import { hostColumns, hostKey } from "./host_columns.js";
import { grouped, groupings } from "./host_groups.js";

/** @typedef {import("../../core/selection.js").HostSummary} HostSummary */

/** So many chosen rows stay in the address; more stay in the page only. */
const MOST_IN_ADDRESS = 100;
export const ALL = "all";

export class FleetOverview extends Part {
  static properties = { ...Part.properties };

  constructor() {
    super();
    /** Chosen rows that the address has no room for. @type {Set<string> | null} */
    this._many = null;
    this.follow("host", "alarm", "group");
  }

  connectedCallback() {
    super.connectedCallback();
    const { api, live } = this.services;
    this._found = new FoundHosts(api, live);
    this._members = new GroupMembers(api, live);
    this._found.begin();
    this.until(() => { this._found?.end(); this._members?.end(); });
    this.watch(this._found);
    this.watch(this._members);
  }

  /** @param {Map<string, unknown>} changed */
  willUpdate(changed) {
    super.willUpdate?.(changed);
    this._found?.find(this.query.get("q") ?? "");
    if (this._by === "group") this._members?.begin();
    else this._members?.end();
  }

  get _by() {
    return this.query.get("group") ?? "none";
  }

  render() {
    const { live } = this.services;
    const all = [...live.map("host").values()];
    return html`<div class="fleet stack">
      <h1>Fleet</h1>
      ${all.length ? html`
        ${healthPanels(this.services, this.query, all, live.map("alarm").values())}
        ${this._toolbar(all)} ${this._hosts(all)}` : this._none()}
    </div>`;
  }

  /** @param {HostSummary[]} all */
  _toolbar(all) {
    const { router } = this.services;
    const found = /** @type {FoundHosts} */ (this._found);
    const q = this.query.get("q") ?? "";
    return html`<form class="toolbar fleet-search" role="search" @submit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <div class="field fill">
        <div class="row"><label for="gw-fleet-q">Find hosts</label>
          <a href=${router.href("/help/controller/api")}>What a selection may say</a></div>
        <input id="gw-fleet-q" type="search" autocomplete="off" spellcheck="false" .value=${q}
          placeholder="words, or site=plant label.line=3 state=online"
          aria-describedby="gw-fleet-q-said" aria-invalid=${found.problem ? "true" : "false"}
          @input=${(/** @type {any} */ event) => router.set({ q: event.target.value, chosen: null })}>
      </div>
      ${selectField({
        id: "gw-fleet-group", label: "Group by", value: this._by, options: groupings(all),
        onChange: (/** @type {string} */ by) => router.set({ group: by === "none" ? null : by, open: null }),
      })}
      <p id="gw-fleet-q-said" class="fleet-said" role="status">${this._said(all)}</p>
    </form>`;
  }

  /** @param {HostSummary[]} all */
  _said(all) {
    const found = /** @type {FoundHosts} */ (this._found);
    if (found.problem) return html`<span class="issue e">✕ ${found.problem.message}</span>`;
    if (found.asking && !found.hosts.length) return "Asking the controller…";
    return found.q.trim() ? html`${found.hosts.length} of ${counted(all.length, "host")}
      <a href=${this.services.router.href("/", { group: this.query.get("group") })}>Show all</a>` : counted(all.length, "host");
  }

  /** @param {HostSummary[]} all */
  _hosts(all) {
    const found = /** @type {FoundHosts} */ (this._found);
    const hosts = found.hosts;
    const chosen = this._chosen(hosts);
    const bar = bulkBar(this.services, {
      hosts, chosen, q: this.query.get("chosen") === ALL ? found.q : null, tables: this._by !== "none", choose: (which) => this._choose(which),
    });
    const table = { services: this.services, alarms: alarmsByHost(this.services.live.map("alarm").values()), chosen };
    const choose = (/** @type {Set<string>} */ rows, /** @type {HostSummary[]} */ of) => this._chooseRows(rows, of, hosts);
    if (!hosts.length) return found.asking || found.problem ? nothing : this._noneFound(all);
    if (this._by === "none") return html`${bar}${hostTable(table, hosts, "Hosts", (rows) => choose(rows, hosts))}`;
    if (this._by === "group" && !this._members?.known) {
      const problem = this._members?.problem;
      return html`<p role="status" aria-busy=${problem ? "false" : "true"}>
        ${problem?.message ?? "Asking the controller which hosts the groups have…"}</p>`;
    }
    const groups = grouped(hosts, this._by, this._members?.members);
    return html`${bar}${groupSections(this.services, this.query, groups, (group) =>
      hostTable(table, group.hosts, `Hosts of ${group.title}`, (rows) => choose(rows, group.hosts)))}`;
  }

  /** @param {HostSummary[]} hosts @returns {Set<string>} */
  _chosen(hosts) {
    const said = this.query.get("chosen") ?? "";
    if (said === ALL) return new Set(hosts.map(hostKey));
    if (!said && !this._many) return new Set();
    const there = new Set(hosts.map(hostKey));
    return new Set([...(this._many ?? said.split(","))].filter((key) => there.has(key)));
  }

  /**
   * What was chosen in one table; what is chosen in the others stays.
   * @param {Set<string>} rows
   * @param {HostSummary[]} of the hosts of that table
   * @param {HostSummary[]} hosts of all tables
   */
  _chooseRows(rows, of, hosts) {
    const next = this._chosen(hosts);
    for (const host of of) next.delete(hostKey(host));
    for (const key of rows) next.add(key);
    this._choose(next);
  }

  /** @param {Set<string> | "all" | null} which */
  _choose(which) {
    const many = which instanceof Set && which.size > MOST_IN_ADDRESS;
    this._many = many ? which : null;
    const words = which instanceof Set ? (many ? "" : [...which].sort().join(",")) : which;
    this.services.router.set({ chosen: words });
    this.requestUpdate();
  }

  _none() {
    return empty({
      title: "No hosts yet", text: "A host shows up here once the controller is connected to its site. First steps lead there.",
      cli: cli(this.services, "guestwire connection list"),
      action: html`<a class="button primary" href=${this.services.router.href("/welcome")}>First steps</a>`,
    });
  }

  /** @param {HostSummary[]} all */
  _noneFound(all) {
    return empty({
      title: "No host matches", text: `None of ${counted(all.length, "host")} is what you look for.`,
      cli: cli(this.services, `guestwire fleet list ${word(this._found?.q ?? "")}`),
      action: html`<a class="button" href=${this.services.router.href("/", { group: this.query.get("group") })}>Show all</a>`,
    });
  }
}

/**
 * @param {{services: any, alarms: Map<string, any[]>, chosen: Set<string>}} table
 * @param {HostSummary[]} hosts
 * @param {string} caption
 * @param {(rows: Set<string>) => void} choose
 */
function hostTable({ services, alarms, chosen }, hosts, caption, choose) {
  const mine = new Set(hosts.map(hostKey).filter((key) => chosen.has(key)));
  return html`<gw-table class="fleet-hosts" .services=${services} .columns=${hostColumns(services, alarms, Date.now())} .rows=${hosts}
    .key=${hostKey} .sort=${"host"} .selected=${mine} .caption=${caption}
    .row_href=${(/** @type {HostSummary} */ host) => services.router.hostHref(hostKey(host))}
    @select=${(/** @type {CustomEvent} */ event) => choose(event.detail)}></gw-table>`;
}

customElements.define("gw-fleet-overview", FleetOverview);
