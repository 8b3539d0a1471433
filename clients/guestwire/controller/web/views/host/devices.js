/** The devices of a host: what they are, whose they are, what must go together; in Config mode they are given to guests and taken back. */

import { html, nothing } from "lit";
import { ago, bytes } from "../../core/format.js";
import { pathText } from "../../core/edit_paths.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { pill } from "../../parts/status.js";
import { adapterRates } from "./device_traffic.js";
import { classWord, idText, isBridge, modelWord } from "./device_words.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { tableHead } from "./table_head.js";

const LIVE_MS = 5000;
const RATES = ["Receives", "Sends", "Damaged or dropped"];
const USB = /^usb:[0-9a-f]{4}:[0-9a-f]{4}$/;
const NEEDED = new Map([["DEV-MGMT-NIC", "the host is managed over it"], ["DEV-BOOT-DISK", "the host boots from it"]]);

/**
 * @typedef {{address: string, pci_class: number, vendor: number, device: number, driver: string | null, numa_node: number | null,
 *   iommu_group: number | null}} Device
 */

export class HostDevices extends HostPart {
  static properties = { ...HostPart.properties, _rates: { state: true }, _busy: { state: true }, _wrong: { state: true } };

  constructor() {
    super();
    /** @type {import("./device_traffic.js").Rate[]} */
    this._rates = [];
    this._busy = false;
    this._wrong = "";
  }

  connectedCallback() {
    super.connectedCallback();
    const read = adapterRates(this.services.api, this.params.site, this.params.host);
    this.every(LIVE_MS, async (signal) => { this._rates = await read(signal); });
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (!this.topology) return this.unread();
    const issues = this.config ? this.draft.issues.filter((issue) => issue.code.startsWith("DEV-") || issue.code.startsWith("IOMMU-")) : [];
    return html`<div class="stack">
      <div class="toolbar"><p class="muted">Read ${ago(this.data.inventory.read_at, Date.now())}.
        ${this.editable ? "Choose an owner: nothing reaches the host until Sync." : ""}</p><span class="fill"></span>
        <button type="button" class="button" ?disabled=${this._busy} @click=${this._update}>Update device details</button></div>
      ${issueList(issues, "What the rules say of the devices")}
      ${this._pci(desired)}
      ${this._usb(desired)}
      ${this._traffic()}
      ${cli(this.services, `guestwire hardware show ${this.params.host}`)}
    </div>`;
  }

  async _update() {
    this._busy = true;
    await this.askAnew();
    this._busy = false;
  }

  /** @param {any} desired */
  _pci(desired) {
    /** @type {Device[]} */
    const devices = this.topology.devices;
    if (!devices.length) return empty({ title: "The host told of no PCI devices.", text: "Update the device details when the host is there." });
    const owners = owned(desired);
    return html`<section class="panel"><h2>PCI devices</h2><div class="scroll-x"><table class="table">
      <caption class="sr">PCI devices and their owners</caption>
      ${tableHead(["Address", "What", "Model", "Driver", "NUMA node", "IOMMU group", "Owner"])}
      <tbody>${devices.map((device) => this._row(device, devices, owners, desired))}</tbody></table></div></section>`;
  }

  /**
   * @param {Device} device
   * @param {Device[]} devices
   * @param {Map<string, string>} owners
   * @param {any} desired
   */
  _row(device, devices, owners, desired) {
    const owner = owners.get(device.address) ?? "";
    const before = this.config && this.draft.active ? owned(this.draft.active).get(device.address) ?? "" : owner;
    const peers = devices.filter((one) => (
      one.iommu_group !== null && one.iommu_group === device.iommu_group && one !== device && !isBridge(one)));
    const needed = this._needed(device);
    return html`<tr class=${owner === before ? "" : "changed"}>
      <th scope="row" class="mono">${device.address}</th><td>${classWord(device.pci_class)}</td>
      <td title=${idText(device)}>${modelWord(device)} <span class="muted mono">${idText(device)}</span></td>
      <td class="mono">${device.driver ?? "none"}</td>
      <td>${device.numa_node ?? "–"}</td>
      <td>${device.iommu_group ?? "–"}${peers.length ? html`<div class="muted">with ${peers.map((one) => one.address).join(", ")}</div>` : nothing}</td>
      <td data-path=${owner ? pathText(["guests", owner, "devices"]) : nothing}>
        ${this.editable && !isBridge(device) ? this._choose(device.address, owner, desired) : owner || "host"}
        ${owner === before ? nothing : html`<span class="muted"> was ${before || "host"}</span>`}
        ${needed ? html`<div>${pill("warn", "▲", needed)}</div>` : nothing}</td></tr>`;
  }

  /** @param {Device} device */
  _needed(device) {
    const found = this.draft.issues.find((issue) => NEEDED.has(issue.code) && issue.message.includes(device.address));
    return found ? NEEDED.get(found.code) : "";
  }

  /**
   * @param {string} address
   * @param {string} owner
   * @param {any} desired
   */
  _choose(address, owner, desired) {
    return html`<select aria-label="Owner of ${address}" @change=${(/** @type {any} */ event) => this._give(address, owner, event.target.value)}>
      <option value="" ?selected=${owner === ""}>host</option>
      ${names(desired).map((name) => html`<option value=${name} ?selected=${name === owner}>${name}</option>`)}</select>`;
  }

  /**
   * @param {string} address
   * @param {string} from a guest, empty: the host
   * @param {string} to
   */
  _give(address, from, to) {
    const place = (/** @type {string} */ name) => pathText(["guest", name, "devices"]);
    /** @type {import("../../core/draft.js").Edit[]} */
    const edits = [];
    if (from) edits.push({ op: "take", path: place(from), value: address });
    if (to) edits.push({ op: "append", path: place(to), value: address });
    this.draft.edit(edits);
  }

  /** @param {any} desired */
  _usb(desired) {
    const given = [...owned(desired)].filter(([address]) => address.startsWith("usb:"));
    return html`<section class="panel"><h2>USB devices of guests</h2>
      ${given.length ? html`<table class="table"><caption class="sr">USB devices and their guests</caption>
        <thead><tr><th scope="col">Device</th><th scope="col">Guest</th><th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${given.map(([address, guest]) => html`<tr><th scope="row" class="mono">${address}</th><td>${guest}</td>
          <td>${this.editable ? html`<button type="button" class="button quiet" aria-label="Release ${address} from ${guest}"
            @click=${() => this._give(address, guest, "")}>Release</button>` : nothing}</td></tr>`)}</tbody></table>`
        : html`<p class="muted">No guest has a USB device.${this.editable ? ""
          : " In Config mode one is given by its vendor and product numbers, which lsusb on the host shows."}</p>`}
      ${this.editable && desired.guests.length ? this._addUsb(desired) : nothing}</section>`;
  }

  /** @param {any} desired */
  _addUsb(desired) {
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const form = /** @type {HTMLFormElement} */ (event.target);
      const given = new FormData(form);
      const address = String(given.get("address")).trim().toLowerCase().replace(/^(?!usb:)/, "usb:");
      this._wrong = USB.test(address) ? "" : "Two numbers of four hexadecimal digits: 046d:c31c";
      if (this._wrong) return;
      this._give(address, owned(desired).get(address) ?? "", String(given.get("guest")));
      form.reset();
    };
    return html`<form class="toolbar" @submit=${submit} aria-label="Give a USB device">
      <label>Vendor and product <input name="address" class="mono" placeholder="046d:c31c" autocomplete="off" spellcheck="false" required
        aria-describedby="devices-usb-wrong" aria-invalid=${this._wrong ? "true" : "false"}></label>
      <label>Guest <select name="guest">${names(desired).map((name) => html`<option>${name}</option>`)}</select></label>
      <button class="button">Give to guest</button><span id="devices-usb-wrong" role="alert">${this._wrong}</span></form>`;
  }

  _traffic() {
    return html`<section class="panel"><h2>Network adapters now</h2>
      ${this._rates.length ? html`<table class="table"><caption class="sr">Traffic of the adapters of the host</caption>
        ${tableHead(["Adapter", ...RATES], { numbers: RATES })}
        <tbody>${this._rates.map((one) => html`<tr><th scope="row" class="mono">${one.device}</th>
          <td class="end num">${bytes(Math.round(one.received))}/s</td><td class="end num">${bytes(Math.round(one.sent))}/s</td><td class="end num">${one.lost}</td></tr>`)}</tbody></table>`
        : html`<p class="muted">No telemetry of adapters yet. It comes with the host's telemetry, see its Telemetry page.</p>`}
      <p class="muted">To find a port, unplug its cable and watch which adapter goes quiet. Agents do not tell MAC addresses and link
        states yet.</p></section>`;
  }
}

/**
 * Who has which device.
 * @param {any} desired
 * @returns {Map<string, string>}
 */
function owned(desired) {
  return new Map(desired.guests.flatMap((/** @type {any} */ guest) => (
    (guest.devices ?? []).map((/** @type {string} */ one) => [one, guest.name]))));
}

/**
 * @param {any} desired
 * @returns {string[]}
 */
function names(desired) {
  return desired.guests.map((/** @type {any} */ guest) => guest.name);
}
customElements.define("gw-host-devices", HostDevices);
