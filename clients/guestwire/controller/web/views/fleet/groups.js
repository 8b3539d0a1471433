/** Saved groups: selections of hosts with a name. Made, edited, removed; each with the hosts that it has now. */

import { html, nothing } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { ago, counted } from "../../core/format.js";
import { line, word } from "../../core/command_line.js";
import { term } from "../../core/selection.js";
import { editGroup } from "./group_form.js";
import { GroupMembers } from "./group_members.js";
import { alarmsByHost, natural } from "./health.js";
import { hostColumns, hostKey } from "./host_columns.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Group"]} Group */

export class GroupsView extends Part {
  static properties = { ...Part.properties };

  constructor() {
    super();
    this.follow("group", "host", "alarm");
  }

  connectedCallback() {
    super.connectedCallback();
    this._members = new GroupMembers(this.services.api, this.services.live);
    this._members.begin();
    this.until(() => this._members?.end());
    this.watch(this._members);
  }

  render() {
    const { live, session } = this.services;
    const groups = /** @type {Group[]} */ ([...live.map("group").values()]).sort((one, other) => natural(one.name, other.name));
    const make = html`<button type="button" class="button primary" ?disabled=${!session.may("group-set")}
      title=${session.may("group-set") ? nothing : "Your role does not allow it."}
      @click=${() => editGroup(this.services, null, this.query.get("q") ?? "")}>New group…</button>`;
    return html`<div class="stack">
      <div class="row"><h1>Groups</h1><span class="fill"></span>${make}</div>
      <p class="muted">A group is a selection with a name. Roles, alarm rules and rollouts may go by it; which hosts it has changes
        as hosts do.</p>
      ${this._members?.problem ? html`<p class="issue e" role="alert">✕ ${this._members.problem.message}</p>` : nothing}
      ${groups.length ? repeat(groups, (group) => group.name, (group) => this._group(group))
        : empty({ title: "No groups yet", text: "Put hosts together that belong together: a line, a plant, those for a trial.",
          action: make, cli: cli(this.services, "guestwire fleet group put line3 label.line=3") })}
    </div>`;
  }

  /** @param {Group} group */
  _group(group) {
    const { router, session } = this.services;
    const may = session.may("group-set");
    const open = this.query.get("open") === group.name;
    const keys = this._members?.members.get(group.name);
    const id = `gw-group-${group.name}`;
    return html`<section class="panel fleet-group" aria-labelledby=${id}>
      <h2 id=${id}><button type="button" class="fleet-toggle" aria-expanded=${open}
        @click=${() => router.set({ open: open ? null : group.name, sort: null })}><span aria-hidden="true">${open ? "▾" : "▸"}</span>
        ${group.name} <span class="num">${keys ? counted(keys.size, "host") : "…"}</span></button></h2>
      <code class="fleet-selection">${group.selection}</code>
      <div class="row">
        <a class="button" href=${router.href("/", { q: term("group", group.name) })}>In the fleet</a>
        <a class="button" href=${router.href("/rollouts/new", { group_name: group.name })}>Start a rollout…</a>
        <button type="button" class="button" ?disabled=${!may} @click=${() => editGroup(this.services, group)}>Edit…</button>
        <button type="button" class="button danger" ?disabled=${!may} @click=${() => this._remove(group)}>Remove…</button>
      </div>
      <p class="fleet-group-health">${group.description}
        <span class="muted">Changed by ${group.changed_by}, ${ago(group.changed_at, Date.now())}.</span></p>
      ${open ? html`<div class="fleet-group-hosts stack">${this._hosts(group, keys)}
        ${cli(this.services, line`guestwire fleet group show ${group.name}`)}</div>` : nothing}
    </section>`;
  }

  /**
   * @param {Group} group
   * @param {Set<string> | undefined} keys
   */
  _hosts(group, keys) {
    const { live, router } = this.services;
    if (!keys) return html`<p role="status" aria-busy="true">Asking the controller…</p>`;
    const hosts = [...keys].map((key) => live.get("host", key)).filter(Boolean);
    return html`<gw-table .services=${this.services} .columns=${hostColumns(this.services, alarmsByHost(live.map("alarm").values()), Date.now())}
      .rows=${hosts} .key=${hostKey} .sort=${"host"} .caption=${`Hosts of ${group.name}`}
      .row_href=${(/** @type {any} */ host) => router.hostHref(hostKey(host))}
      .empty=${empty({ title: "No host is in it", text: "None is what its selection says.",
        cli: cli(this.services, `guestwire fleet list ${word(group.selection)}`) })}></gw-table>`;
  }

  /** @param {Group} group */
  async _remove(group) {
    const { api, dialogs, say } = this.services;
    const text = "Its hosts stay. A role that was given on it is for nothing then.";
    if (!await dialogs.confirmName({ title: "Remove this group?", text, name: group.name, action: "Remove" })) return;
    try {
      await api.send("DELETE", `/groups/${group.name}`, { ifMatch: group.revision });
      say.done(`The group ${group.name} is removed.`);
    } catch (error) {
      say.problem(error);
    }
  }
}

customElements.define("gw-groups", GroupsView);
