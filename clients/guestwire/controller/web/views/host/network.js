/** The network of a host: its adapters and forwarding, and the virtual networks between guests, as configured and as they are now. */

import { html, nothing } from "lit";
import { bytes } from "../../core/format.js";
import { pathText } from "../../core/edit_paths.js";
import { parts } from "../../core/places.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { pill } from "../../parts/status.js";
import { away, onlyGuests } from "./away.js";
import { draftForm } from "./draft_form.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { askEntry } from "./new_entry.js";
import { tableHead } from "./table_head.js";

const LIVE_MS = 5000;
/** @type {[string, string][]} */
const MODES = [["isolated", "isolated: guests and host only"], ["nat", "nat: outwards through the host"], ["bridge", "bridge: onto an adapter"]];
const FIELDS = ["mode", "cidr", "dhcp", "uplink", "bridge", "airgap", "members", "acl"];

export class HostNetwork extends HostPart {
  static properties = { ...HostPart.properties, _schema: { state: true }, _nets: { state: true }, _trouble: { state: true } };

  constructor() {
    super();
    /** @type {any} */
    this._schema = null;
    /** The networks as they are now, null: not known. @type {any[] | null} */
    this._nets = null;
    this._trouble = "";
  }

  connectedCallback() {
    super.connectedCallback();
    void this.services.schema().then((schema) => { this._schema = schema; });
    this.every(LIVE_MS, async (signal) => {
      try {
        this._nets = (await this.services.api.operation(this.host, "net-list", {}, signal)).networks;
        this._trouble = "";
      } catch (error) {
        if (signal.aborted) return;
        this._nets = null;
        this._trouble = /** @type {Error} */ (error).message;
      }
    });
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (onlyGuests(this.draft)) return away("The networks are");
    const issues = this.config ? this.draft.issues.filter((issue) => /^(NET-|AIRGAP-|FORWARD-)/.test(issue.code)) : [];
    return html`<div class="stack">
      ${issueList(issues, "What the rules say of the network")}
      <section class="panel"><div class="toolbar"><h2>Virtual networks</h2><span class="fill"></span>
        ${this.editable ? html`<button type="button" class="button primary" @click=${this._add}>Add network</button>` : nothing}</div>
        ${this._list(desired.networks ?? [])}
        ${this._trouble ? html`<p class="muted">How they are now is not known: ${this._trouble}</p>` : nothing}</section>
      ${this._one(desired)}
      <section class="panel"><h2>Network of the host</h2>
        <p class="muted">Changes here touch the way the host is managed: an apply is undone unless it is confirmed in time.</p>
        ${draftForm({ schema: this._schema, model: "HostSettings", draft: this.draft, at: ["settings"], value: desired.settings,
          editable: this.editable, compare: this.config, only: ["ip_forward", "airgap", "adapters"] })}</section>
    </div>`;
  }

  /** The network that the address names, or a field of it. */
  get _chosen() {
    const [list, name] = parts(this.query.get("field") ?? "");
    return this.query.get("network") ?? (list === "networks" ? name : "");
  }

  /** @param {any[]} networks */
  _list(networks) {
    if (!networks.length) {
      return empty({
        title: "No virtual network joins the guests of this host.",
        text: this.editable ? "Add one, make guests its members and give them cards on it." : "Switch to Config to add one.",
        cli: cli(this.services, `guestwire net create ${this.params.host}/lan --mode isolated --cidr 10.200.1.0/24`),
      });
    }
    return html`<div class="scroll-x"><table class="table"><caption class="sr">Virtual networks</caption>
      ${tableHead(["Network", "Mode", "Addresses", "Members", "Rules", "Now"], { live: ["Now"], actions: true })}
      <tbody>${networks.map((one) => this._row(one))}</tbody></table></div>`;
  }

  /** @param {any} one */
  _row(one) {
    const { router } = this.services;
    const changed = this.config && this.draft.changed(pathText(["network", one.name]));
    const open = this._chosen === one.name;
    const members = one.members ?? [];
    return html`<tr class=${changed ? "changed" : ""} data-path=${pathText(["networks", one.name])}>
      <th scope="row"><a href=${router.href(router.path, { network: open ? null : one.name, field: null })}
          aria-expanded=${open ? "true" : "false"}>${one.name}</a>
        ${changed ? html`<span class="muted"> ${this.draft.before(pathText(["network", one.name])) ? "changed" : "new"}</span>` : nothing}</th>
      <td>${one.mode ?? "isolated"}${one.uplink ? ` onto ${one.uplink}` : ""}${one.airgap ? ", airgap" : ""}</td>
      <td class="mono">${one.cidr ?? "–"}${one.dhcp === false || one.mode === "bridge" ? "" : " DHCP"}</td>
      <td>${members.length ? members.map((/** @type {any} */ member) => member.guest).join(", ") : html`<span class="muted">none</span>`}</td>
      <td class="num">${(one.acl ?? []).length || html`<span class="muted">none</span>`}</td>${this._now(one.name)}
      <td>${this.editable ? html`<button type="button" class="button quiet" aria-label="Remove network ${one.name}"
        @click=${() => this._remove(one.name)}>Remove</button>` : nothing}</td></tr>`;
  }

  /** The cell of how a network is now. @param {string} name */
  _now(name) {
    if (!this._nets) return html`<td class="live long">${pill("off", "◌", "unknown")}</td>`;
    const net = this._nets.find((one) => one.name === name);
    if (!net) return html`<td class="live long">${pill("off", "○", "not on the host yet")}</td>`;
    const up = net.ports.filter((/** @type {any} */ port) => port.up).length;
    const more = `${net.bridge}, ${up} of ${net.ports.length} ports up${net.dropped ? `, ${net.dropped} packets dropped` : ""}`;
    return html`<td class="live long" title=${more}>${net.up ? pill("ok", "●", "up") : pill("warn", "▲", "down")}
      <span class="muted">${more}</span></td>`;
  }

  /** The network that the address names, to be looked at and edited. @param {any} desired */
  _one(desired) {
    const one = (desired.networks ?? []).find((/** @type {any} */ net) => net.name === this._chosen);
    if (!one) return nothing;
    const net = this._nets?.find((now) => now.name === one.name);
    return html`<section class="panel"><h2>Network ${one.name}</h2>
      ${draftForm({ schema: this._schema, model: "VirtualNet", draft: this.draft, at: ["network", one.name], value: one,
        editable: this.editable, compare: this.config, only: FIELDS,
        offers: { guest: desired.guests.map((/** @type {any} */ guest) => guest.name) } })}
      ${net?.ports.length ? ports(net.ports) : nothing}</section>`;
  }

  async _add() {
    const taken = (this.desired.networks ?? []).map((/** @type {any} */ one) => one.name);
    const made = await askEntry(this.services, {
      title: "Add a virtual network", action: "Add", name: "Name", taken,
      more: [{ id: "mode", label: "Mode", value: "isolated", options: MODES },
        { id: "cidr", label: "Addresses", optional: true, hint: "Such as 10.200.1.0/24; the host has the first. Not needed with mode bridge." },
        { id: "uplink", label: "Adapter of the host", optional: true, hint: "For mode bridge." }],
    });
    if (!made) return;
    const value = { mode: made.mode, ...(made.cidr ? { cidr: made.cidr } : {}), ...(made.uplink ? { uplink: made.uplink } : {}) };
    this.draft.edit([{ op: "add", path: pathText(["network", made.name]), value }]);
    this.services.router.set({ network: made.name });
  }

  /** @param {string} name */
  async _remove(name) {
    const sure = await this.services.dialogs.confirmName({
      title: `Remove network ${name}`, text: "Its members lose their cards' connection with the next apply.", name, action: "Remove from draft",
    });
    if (!sure) return;
    this.draft.edit([{ op: "remove", path: pathText(["network", name]) }]);
    if (this._chosen === name) this.services.router.set({ network: null, field: null });
  }
}

/**
 * The ends of a network at the guests, as they are now.
 * @param {readonly any[]} list
 */
function ports(list) {
  return html`<div class="scroll-x"><table class="table"><caption>Ports now</caption>
    ${tableHead(["Guest", "MAC", "Address", "Interface", "State", "Received", "Sent"], { numbers: ["Received", "Sent"] })}
    <tbody>${list.map((port) => html`<tr><th scope="row">${port.guest}</th><td class="mono">${port.mac}</td>
      <td class="mono">${port.ip ?? "–"}</td><td class="mono">${port.tap || "–"}</td>
      <td>${port.up ? pill("ok", "●", "up") : pill("off", "○", "down")}${port.isolated ? " isolated" : ""}</td>
      <td class="end num">${bytes(port.rx_bytes)}</td><td class="end num">${bytes(port.tx_bytes)}</td></tr>`)}</tbody></table></div>`;
}
customElements.define("gw-host-network", HostNetwork);
