/** The guests of a host: their states and what can be done with them; in Config mode they are added, copied, renamed and removed. */

import { html, nothing } from "lit";
import { mib } from "../../core/format.js";
import { at, pathText } from "../../core/edit_paths.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { guestStatus } from "../../parts/status.js";
import "../../parts/menu.js";
import { guestButtons } from "../../parts/guest_buttons.js";
import { KIND_WORDS, copied, guestQuestions, newGuest } from "./guest_copies.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { askEntry } from "./new_entry.js";
import { tableHead } from "./table_head.js";

const CODES = /^(GUEST-|NAME-|COMM-LIMIT|RTOSID-|GP-LIMIT|GPOSID-|TEMPLATE-TYPE|IMAGE-|MEM-ALIGN|DISK-|MEDIA-|FIRMWARE-|ARCH-)/;

export class HostGuests extends HostPart {
  constructor() {
    super();
    this.follow("host");
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    const issues = this.config ? this.draft.issues.filter((issue) => CODES.test(issue.code)) : [];
    return html`<div class="stack">
      <div class="toolbar"><h2>Guests</h2><span class="fill"></span>${this.config ? this._configBar() : this._runBar()}</div>
      ${issueList(issues, "What the rules say of the guests")}
      ${desired.guests.length ? this._table(desired) : this._none()}
      ${desired.guests.length ? cli(this.services, `guestwire guest list ${this.params.host}`) : nothing}
    </div>`;
  }

  _configBar() {
    return this.editable ? html`<button type="button" class="button primary" @click=${this._add}>Add guest</button>`
      : html`<span class="muted">Your role may look at the draft and not change it.</span>`;
  }

  _runBar() {
    const ctx = { host: this.host };
    return this.services.commands.host.filter((one) => one.id === "boot" || one.id === "stop").map((command) => {
      const why = this.services.commands.why(command, ctx);
      return html`<button type="button" class="button" ?disabled=${why !== ""} title=${why || nothing}
        @click=${() => this.services.commands.run(command, ctx)}>${command.label}</button>`;
    });
  }

  _none() {
    const { router } = this.services;
    return empty({
      title: "This host has no guests.",
      text: this.editable ? "Add one: a kind, CPUs, memory, an image or a disk." : "Guests are added in Config mode, or taken from an example.",
      action: this.editable ? html`<button type="button" class="button primary" @click=${this._add}>Add guest</button>`
        : html`<a class="button" href=${router.hostHref(this.host, "/guests", { mode: "config" })}>Switch to Config</a>`,
      cli: cli(this.services, `guestwire project add ${this.params.host} guest linux1 vcpus=2 memory_mib=1024`),
    });
  }

  /** @param {any} desired */
  _table(desired) {
    return html`<div class="scroll-x"><table class="table"><caption class="sr">Guests</caption>
      ${tableHead(["Guest", "Identifier", "Kind", "State", "vCPUs", "CPUs", "Memory", "Autostart"], {
        numbers: ["vCPUs", "Memory"], live: ["State"], actions: true,
      })}
      <tbody>${desired.guests.map((/** @type {any} */ guest) => this._row(guest))}</tbody></table></div>`;
  }

  /** @param {any} guest */
  _row(guest) {
    const { router } = this.services;
    const place = pathText(["guest", guest.name]);
    const changed = this.config && this.draft.changed(place);
    const known = this.draft.active && at(this.draft.active, place) !== undefined;
    const state = this.data.guest(guest.name)?.state;
    return html`<tr class=${changed ? (known ? "changed" : "added") : ""} data-path=${pathText(["guests", guest.name])}>
      <th scope="row"><a href=${router.guestHref(this.host, guest.name)}>${guest.name}</a>
        ${changed ? html`<span class="muted"> ${known ? "changed" : "new"}</span>` : nothing}
        ${guest.disabled ? html`<span class="muted"> disabled</span>` : nothing}</th>
      <td class="mono">${guest.id ?? "–"}</td><td title=${KIND_WORDS[guest.kind ?? "gp"]}>${guest.kind ?? "gp"}</td>
      <td class="live ${this.config ? "wider" : ""}">${state ? guestStatus(state) : html`<span class="muted">not on the host yet</span>`}</td>
      <td class="end num">${guest.vcpus ?? 1}</td><td class="mono">${guest.cpuset ?? "any"}</td>
      <td class="end num">${mib(guest.memory_mib ?? 512)}</td><td>${guest.autostart ?? "off"}</td>
      <td>${this.config ? this._edits(guest) : guestButtons(this.services, this.host, guest.name)}</td></tr>`;
  }

  /** @param {any} guest */
  _edits(guest) {
    if (!this.editable) return nothing;
    return html`<gw-menu .services=${this.services} label="Edit" .items=${[
      { label: "Copy …", run: () => void this._copy(guest) },
      { label: "Rename …", run: () => void this._rename(guest) },
      {
        label: guest.disabled ? "Enable" : "Disable",
        run: () => this.draft.edit([{ op: "set", path: pathText(["guest", guest.name, "disabled"]), value: !guest.disabled }]),
      },
      { label: "Remove …", danger: true, run: () => void this._remove(guest) },
    ]}></gw-menu>`;
  }

  get _names() {
    return this.desired.guests.map((/** @type {any} */ guest) => guest.name);
  }

  async _add() {
    const desired = this.desired;
    const made = await askEntry(this.services, {
      title: "Add a guest", action: "Add to draft", name: "Name", taken: this._names, more: guestQuestions(desired),
    });
    if (made) this.draft.edit([newGuest({ image: "", ...made }, desired)]);
  }

  /** @param {any} guest */
  async _copy(guest) {
    const made = await askEntry(this.services, {
      title: `Copy ${guest.name}`, action: "Add the copy", name: "Name of the copy", taken: this._names,
      text: html`<p class="muted">Its disks are made as copies when the draft is applied. CPUs, devices, port forwards and
        identifiers are not copied.</p>`,
    });
    if (made) this.draft.edit([copied(guest, made.name)]);
  }

  /** @param {any} guest */
  async _rename(guest) {
    const made = await askEntry(this.services, { title: `Rename ${guest.name}`, action: "Rename", name: "New name", taken: this._names });
    if (made) this.draft.edit([{ op: "rename", path: pathText(["guest", guest.name]), value: made.name }]);
  }

  /** @param {any} guest */
  async _remove(guest) {
    const sure = await this.services.dialogs.confirmName({
      title: `Remove guest ${guest.name}`, name: guest.name, action: "Remove from draft",
      text: "With the next apply the host forgets the guest and its settings; its devices are free again. Its disk images stay.",
    });
    if (sure) this.draft.edit([{ op: "remove", path: pathText(["guest", guest.name]) }]);
  }
}
customElements.define("gw-host-guests", HostGuests);
