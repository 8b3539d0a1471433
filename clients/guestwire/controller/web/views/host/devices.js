/**
 * The devices of a host: what they are, whose they are, what must go together, and how their links are now; in Config
 * mode they are given to guests and taken back.
 */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { ago } from "../../core/format.js";
import { pathText } from "../../core/edit_paths.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { pill } from "../../parts/status.js";
import { adapterPanel, linkPill, speedText } from "./device_adapters.js";
import { linkReader } from "./device_links.js";
import { adapterRates } from "./device_traffic.js";
import { classWord, idText, isBridge, isOfMachine, modelWord, subsystemWord, usbAddress } from "./device_words.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { tableHead } from "./table_head.js";

const LIVE_MS = 5000;
const USB = /^usb:[0-9a-f]{4}:[0-9a-f]{4}$/;
const MANAGED = "management";
/** What the host needs a device for. */
const NEEDED = new Map([["DEV-MGMT-NIC", MANAGED], ["DEV-BOOT-DISK", "boots the host"]]);

/** @typedef {import("./device_links.js").Device} Device */

export class HostDevices extends HostPart {
  static properties = {
    ...HostPart.properties, _rates: { state: true }, _now: { state: true }, _busy: { state: true },
    _wrong: { state: true },
  };

  constructor() {
    super();
    /** @type {import("./device_traffic.js").Rate[]} */
    this._rates = [];
    /** What the host answered just now; null: it does not. @type {import("./device_links.js").Reading | null} */
    this._now = null;
    this._busy = false;
    this._wrong = "";
  }

  connectedCallback() {
    super.connectedCallback();
    const read = adapterRates(this.services.api, this.params.site, this.params.host);
    this.every(LIVE_MS, async (signal) => { this._rates = await read(signal); });
    const look = linkReader(this.services.api, this.host);
    this.every(LIVE_MS, async (signal) => { this._now = await look(signal).catch(() => null); });
  }

  /** As the host is now, else as it was read last. @returns {import("./device_links.js").Machine} */
  get _machine() {
    return this._now?.machine ?? this.topology;
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (!this.topology) return this.unread();
    const issues = this.config ? this.draft.issues.filter((issue) => /^(DEV|IOMMU)-/.test(issue.code)) : [];
    return html`<div class="stack">
      <div class="toolbar"><p class="muted">
        ${this._now ? "As the host is now." : html`Read ${ago(this.data.inventory.read_at, Date.now())}.`}
        ${this.editable ? "Choose an owner: nothing reaches the host until Sync." : ""}</p><span class="fill"></span>
        <button type="button" class="button" ?disabled=${this._busy}
          @click=${this._update}>Update device details</button></div>
      ${issueList(issues, "What the rules say of the devices")}
      ${this._pci(desired)}
      ${this._usb(desired)}
      ${adapterPanel(this._machine.devices, this._rates, this._now?.changes ?? [], this._now !== null)}
      ${cli(this.services, `guestwire hardware show ${this.params.host} --io`)}
    </div>`;
  }

  async _update() {
    this._busy = true;
    await this.askAnew();
    this._busy = false;
  }

  /** @param {any} desired */
  _pci(desired) {
    const { devices } = this._machine;
    if (!devices.length) {
      return empty({
        title: "The host told of no PCI devices.", text: "Update the device details when the host is there.",
      });
    }
    const owners = owned(desired);
    return html`<section class="panel"><h2>PCI devices</h2>
      <div class="scroll-x" role="region" tabindex="0" aria-label="Table of PCI devices"><table class="table devices">
      <caption class="sr">PCI devices and their owners</caption>
      ${tableHead(["Address", "What", "Model and driver", "NUMA node", "IOMMU group", "Owner"])}
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
    const group = device.iommu_group ?? null;
    const peers = group === null ? [] : devices.filter((one) => (
      one.iommu_group === group && one !== device && !isBridge(one)));
    const needed = this._needed(device);
    // a bridge stays with the host, but where the group of what was given must go as a whole
    const stays = isOfMachine(device) && !owner && (isBridge(device) || !peers.some((one) => owners.has(one.address)));
    return html`<tr class=${owner === before ? "" : "changed"}>
      <th scope="row" class="mono">${device.address}</th><td>${classWord(device.pci_class)}
        ${(device.net ?? []).map((one) => html`<div class="nowrap"><span class="mono">${one.ifname}</span>
          <span class="link-slot">${linkPill(one.link)}</span></div>`)}</td>
      <td class="device-model">${modelWord(device)}
        <span class="muted mono">${idText(device.vendor, device.device)}</span>
        ${subsystemWord(device) ? html`<div class="muted">${subsystemWord(device)}</div>` : nothing}
        <div class="muted">driver <span class="mono">${device.driver ?? "none"}</span></div></td>
      <td>${device.numa_node ?? "–"}</td>
      <td>${group ?? "–"}${peers.length
        ? html`<div class="muted">with ${peers.map((one) => one.address).join(", ")}</div>` : nothing}</td>
      <td data-path=${owner ? pathText(["guests", owner, "devices"]) : nothing}>
        ${this.editable && !stays ? this._choose(device.address, owner, desired) : owner || "host"}
        ${owner === before ? nothing : html`<span class="muted"> was ${before || "host"}</span>`}
        ${needed ? html`<div>${pill("warn", "▲", needed)}</div>` : nothing}</td></tr>`;
  }

  /** @param {Device} device */
  _needed(device) {
    const found = this.draft.issues.find((issue) => NEEDED.has(issue.code) && issue.message.includes(device.address));
    if (found) return NEEDED.get(found.code);
    return (device.net ?? []).some((one) => one.management) ? MANAGED : "";
  }

  /**
   * @param {string} address
   * @param {string} owner
   * @param {any} desired
   */
  _choose(address, owner, desired) {
    const choose = (/** @type {any} */ event) => this._give(address, owner, event.target.value);
    return html`<select aria-label="Owner of ${address}" @change=${choose}>
      ${["", ...names(desired)].map((name) => (
        html`<option value=${name} .selected=${live(name === owner)}>${name || "host"}</option>`))}</select>`;
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
    const owners = new Map([...owned(desired)].filter(([address]) => address.startsWith("usb:")));
    const seen = this._machine.usb ?? [];
    const there = new Set(seen.map(usbAddress));
    const absent = [...owners.keys()].filter((address) => !there.has(address));
    return html`<section class="panel"><h2>USB devices</h2>
      ${seen.length || absent.length ? html`<div class="scroll-x" role="region" tabindex="0"
        aria-label="Table of USB devices"><table class="table devices">
        <caption class="sr">USB devices and their owners</caption>
        ${tableHead(["Device", "What", "Port", "Speed", "Owner"], { numbers: ["Speed"], actions: this.editable })}
        <tbody>${seen.map((one) => this._usbRow(usbAddress(one), one, owners, desired))}
          ${absent.map((address) => this._usbRow(address, null, owners, desired))}</tbody></table></div>` : nothing}
      ${owners.size ? nothing : html`<p class="muted">No guest has a USB device.${this.editable ? ""
        : " In Config mode one is given by its vendor and product numbers."}</p>`}
      ${this.editable && desired.guests.length ? this._addUsb(desired) : nothing}</section>`;
  }

  /**
   * @param {string} address
   * @param {import("./device_links.js").UsbDevice | null} one null: it is not plugged in, or the host cannot tell
   * @param {Map<string, string>} owners
   * @param {any} desired
   */
  _usbRow(address, one, owners, desired) {
    const owner = owners.get(address) ?? "";
    const what = one ? [one.manufacturer, one.name].filter(Boolean).join(" ") || "USB device" : "not seen on the host";
    return html`<tr><th scope="row" class="mono">${address}</th><td>${what}</td>
      <td class="mono">${one?.port ?? "–"}</td>
      <td class="end num">${speedText(one?.speed_mbit)}</td>
      <td>${this.editable && one ? this._choose(address, owner, desired) : owner || "host"}</td>
      ${this.editable ? html`<td>${owner ? html`<button type="button" class="button quiet"
        aria-label="Release ${address} from ${owner}" @click=${() => this._give(address, owner, "")}>Release</button>`
        : nothing}</td>` : nothing}</tr>`;
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
      <label>Vendor and product <input name="address" class="mono" placeholder="046d:c31c" autocomplete="off"
        spellcheck="false" required aria-describedby="devices-usb-wrong"
        aria-invalid=${this._wrong ? "true" : "false"}></label>
      <label>Guest <select name="guest">
        ${names(desired).map((name) => html`<option>${name}</option>`)}</select></label>
      <button class="button">Give to guest</button>
      <span id="devices-usb-wrong" role="alert">${this._wrong}</span></form>`;
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
