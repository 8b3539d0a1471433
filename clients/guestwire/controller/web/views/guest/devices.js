/** The devices of a guest: the host's own that it has exclusively, its disks and drives, folders of the host. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { issueLines } from "../../parts/issue_lines.js";
import { selectField, textField } from "../../parts/field.js";
import "../../parts/form.js";
import { adjusted, GuestPage } from "./pages.js";
import { again } from "./name_dialog.js";
import { usbAddress } from "../host/device_words.js";

const STORAGE = ["disks", "shares", "persistence", "firmware", "boot"];
const USB = /^usb:[0-9a-f]{4}:[0-9a-f]{4}$/;

/**
 * @typedef {{address: string, pci_class: number, vendor: number, device: number, driver: string | null, numa_node:
 * number | null, iommu_group: number | null}} Pci
 */

/** The classes of PCI devices that are worth a word (the upper byte). @type {Record<number, string>} */
const CLASSES = {
  0x01: "mass storage", 0x02: "network", 0x03: "display", 0x04: "multimedia", 0x05: "memory", 0x06: "bridge", 0x07:
    "communication",
  0x08: "system", 0x09: "input", 0x0b: "processor", 0x0c: "serial bus", 0x0d: "wireless", 0x10: "encryption", 0x12:
    "accelerator",
};

export class GuestDevices extends GuestPage {
  render() {
    const { guest } = this;
    if (!guest) return this.missing();
    return html`<div class="stack guest-page">${this._assigned(guest)}${this._storage(guest)}</div>`;
  }

  /** @param {any} guest */
  _assigned(guest) {
    const changed = this.config && this.draft.changed(this.path("devices"));
    const issues = this.config ? this.draft.issuesAt(this.path("devices")) : [];
    return html`<section class="panel stack ${changed ? "changed" : ""}" data-path=${`${this.place}.devices`}
      aria-labelledby="gw-guest-devices-assigned">
      <div class="toolbar"><h2 id="gw-guest-devices-assigned">Devices of the host</h2><span class="fill"></span>
        ${this.editing ? html`<button type="button" class="button"
          @click=${this._add}>Add device …</button>` : nothing}</div>
      ${issueLines(issues)}
      ${guest.devices.length ? this._table(guest.devices) : empty({
        title: "No devices given to this guest",
        text: this.editing ? "A device is given exclusively: the host and other guests do not have it then." :
          "In Config mode a PCI or USB device of the host can be given to it.",
        cli: cli(this.services, line`guestwire guest set ${this.short}/${this.name} devices+=0000:01:00.0`),
      })}</section>`;
  }

  /** @param {string[]} addresses */
  _table(addresses) {
    const known = new Map(this._pci.map((one) => [one.address, one]));
    const before = new Set(this.draft.before(this.path("devices")) ?? []);
    return html`<table class="table"><caption class="sr">Devices of the host that ${this.name} has</caption>
      <thead><tr><th scope="col">Address</th><th scope="col">Kind</th><th scope="col">Vendor : device</th><th
        scope="col">Driver</th>
        <th scope="col" class="end">NUMA node</th><th scope="col" class="end">IOMMU group</th>${this.editing ? html`<th
          scope="col"><span class="sr">Remove</span></th>` : nothing}</tr></thead>
      <tbody>${addresses.map((address) => {
        const one = known.get(address);
        return html`<tr class=${this.config && !before.has(address) ? "added" : ""}><th scope="row"
          class="mono">${address}</th>
          <td>${one ? kindOf(one) : address.startsWith("usb:") ? "USB" : "not seen on the host"}</td><td
            class="mono">${one ? ids(one) : "-"}</td>
          <td class="mono">${one?.driver ?? "-"}</td><td class="end num">${one?.numa_node ?? "-"}</td><td
            class="end num">${one?.iommu_group ?? "-"}</td>
          ${this.editing ? html`<td><button type="button" class="button quiet" aria-label=${`Remove ${address}`}
            @click=${() => this.edit({ op: "take", path: this.path("devices"), value:
              address })}>Remove</button></td>` : nothing}</tr>`;
      })}</tbody></table>`;
  }

  /** @returns {Pci[]} */
  get _pci() {
    return /** @type {any} */ (this.data.inventory?.topology?.devices ?? []);
  }

  async _add() {
    const offers = /** @type {string[]} */ (this.formTools.offers.devices);
    const known = new Map(this._pci.map((one) => [one.address, one]));
    const plugged = /** @type {any[]} */ (this.data.inventory?.topology?.usb ?? []);
    const seen = new Map(plugged.map((one) => [usbAddress(one), one]));
    let address = "";
    let usb = "";
    let error = "";
    const given = await this.services.dialogs.open((close) => html`<form @submit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      const wanted = usb.trim().toLowerCase() || address;
      error = usb.trim() && !USB.test(wanted) ? "Allowed: usb:VENDOR:PRODUCT, such as usb:046d:c31c." : wanted ? "" :
        "Choose a device.";
      if (error) again(event);
      else close(wanted);
    }}>
      <div class="dialog-body stack">
        <p>The guest has it exclusively. A card through which the host is reached is refused.</p>
        ${selectField({ id: "gw-guest-devices-free", label: "Device that no guest has", value: address,
          options: [["", "Choose …"], ...offers.map((one) => /** @type {[string, string]} */ (
            [one, optionOf(one, known.get(one), seen.get(one))]))], onChange: (value) =>
            { address = value; } })}
        ${textField({ id: "gw-guest-devices-usb", label: "or a USB device that is not plugged in now", value: usb,
          error, hint:
          "usb:VENDOR:PRODUCT, as lsusb shows them",
          onInput: (value) => { usb = value; } })}</div>
      <footer><button type="button" class="button" @click=${() => close()}>Cancel</button><button
        class="button primary">Add</button></footer>
    </form>`, { title: "Add a device" });
    if (given) this.edit({ op: "append", path: this.path("devices"), value: given });
  }

  /** @param {any} guest */
  _storage(guest) {
    const schema = this.schemaOf("Guest");
    const tools = this.formTools;
    return html`<section class="panel stack" aria-labelledby="gw-guest-devices-storage"><h2
      id="gw-guest-devices-storage">Disks, drives and folders</h2>
      <p class="muted">A drive (cdrom) without a path is empty; changing its path changes the medium, also while the
        guest runs.</p>
      <gw-form .schema=${schema} .only=${STORAGE} .value=${guest} .place=${this.place} .read_only=${!this.editing}
        .changed=${tools.changed}
        .before=${tools.before} .issues=${tools.issues} .offers=${tools.offers} .adjust=${adjusted}
          @edit=${this.takeEdit}></gw-form></section>`;
  }
}

/** @param {Pci} one */
function kindOf(one) {
  return CLASSES[one.pci_class >> 16] ?? `class ${hex(one.pci_class, 6)}`;
}

/** @param {Pci} one */
function ids(one) {
  return `${hex(one.vendor, 4)}:${hex(one.device, 4)}`;
}

/**
 * @param {number} value
 * @param {number} digits
 */
function hex(value, digits) {
  return value.toString(16).padStart(digits, "0");
}

/**
 * @param {string} address
 * @param {Pci | undefined} one
 * @param {{manufacturer?: string | null, name?: string | null} | undefined} usb
 * @returns {string}
 */
function optionOf(address, one, usb) {
  if (usb) return `${address} · ${[usb.manufacturer, usb.name].filter(Boolean).join(" ") || "USB device"}`;
  return one ? `${address} · ${kindOf(one)} ${ids(one)}${one.driver ? ` (${one.driver})` : ""}` : address;
}

customElements.define("gw-guest-devices", GuestDevices);
