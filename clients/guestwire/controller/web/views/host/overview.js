/** A host at a glance: what it is, how it does, its guests, what is wrong, what was done, and what can be done with it. */

import { html, nothing } from "lit";
import { ago } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { guestStatus } from "../../parts/status.js";
import "../../parts/menu.js";
import { syncHardware } from "../sync/hardware_sync.js";
import { guestButtons } from "../../parts/guest_buttons.js";
import { HostPart } from "./host_part.js";
import { moreItems } from "./overview_more.js";
import { alarmsPanel, canPanel, healthPanel, jobsPanel, whatPanel } from "./overview_panels.js";
import { HostUsage, usagePanel } from "./overview_usage.js";
import { nameHost } from "./overview_words.js";
import { tableHead } from "./table_head.js";

/** @typedef {import("../../core/commands.js").Command} Command */
/** @typedef {import("../../types/api.js").components["schemas"]["JobView"]} JobView */

const LIVE_MS = 5000;
const MOST_JOBS = 8;
const GUESTS = ["boot", "stop"];
const COMM = ["comm-start", "comm-stop", "comm-stop-force", "comm-restart", "comm-restart-force"];
const POWER = ["reboot", "reboot-force", "poweroff", "poweroff-force"];

export class HostOverview extends HostPart {
  static properties = { ...HostPart.properties, _comm: { state: true }, _usage: { state: true }, _jobs: { state: true } };

  constructor() {
    super();
    /** @type {any} what comm-status said; null: not known */
    this._comm = null;
    /** @type {import("./overview_usage.js").Usage} */
    this._usage = {};
    /** As they were when the page was opened. @type {JobView[]} */
    this._jobs = [];
    this.follow("host", "alarm", "job");
  }

  connectedCallback() {
    super.connectedCallback();
    const { api } = this.services;
    const usage = new HostUsage(api, this.params.site, this.params.host);
    this.every(LIVE_MS, async (signal) => {
      const [comm, read] = await Promise.all([
        api.operation(this.host, "comm-status", {}, signal).catch(() => null), usage.read(signal).catch(() => this._usage),
      ]);
      this._comm = comm;
      this._usage = read;
    });
    void api.get("/jobs", { host: this.host, limit: MOST_JOBS }).then((page) => { this._jobs = page.items; }, () => null);
  }

  render() {
    const { detail } = this.data;
    if (!detail) return this.data.error ? this._away(this.data.error.message) : this.waiting();
    const { router, session } = this.services;
    const inventory = this.data.inventory?.host;
    const edit = session.may("host-label", this.host) ? () => void nameHost(this.services, this.data) : null;
    return html`<div class="stack">
      <div class="toolbar"><h2 class="sr">Overview</h2>${this._actions()}</div>
      <div class="grid">
        ${whatPanel(detail, inventory, edit)}
        ${healthPanel(detail, inventory, this._comm, router.hostHref(this.host, "/history"))}
        ${usagePanel(this._usage, detail, router.hostHref(this.host, "/telemetry"))}
        ${alarmsPanel(this.services, this.host)}</div>
      ${this._guests(detail.guest_list)}
      <div class="grid">${jobsPanel(this.services, this._lastJobs())}${canPanel(inventory?.facts?.capabilities)}</div>
      ${cli(this.services, `guestwire host show ${this.params.host}`)}
    </div>`;
  }

  /** @param {string} message */
  _away(message) {
    return empty({
      title: "This host could not be read.", text: message,
      action: html`<button type="button" class="button" @click=${() => this.again()}>Try again</button>`,
    });
  }

  _actions() {
    const { commands } = this.services;
    const ctx = { host: this.host };
    const items = (/** @type {readonly string[]} */ ids) => (
      commands.host.filter((one) => ids.includes(one.id)).map((one) => this._item(one, ctx)));
    const more = moreItems(this.services, this.host, {
      update: () => void this.askAnew(), hardware: () => void syncHardware(this.services, this.host),
      words: () => void nameHost(this.services, this.data),
    });
    return html`${items(GUESTS).map((item) => html`<button type="button" class="button" ?disabled=${item.why !== ""}
        title=${item.why || nothing} @click=${item.run}>${item.label}</button>`)}
      <gw-menu .services=${this.services} label="Communication" .items=${items(COMM)}></gw-menu>
      <gw-menu .services=${this.services} label="Host power" .items=${items(POWER)}></gw-menu>
      <gw-menu .services=${this.services} label="More" .items=${more}></gw-menu>`;
  }

  /**
   * @param {Command} command
   * @param {import("../../core/commands.js").Ctx} ctx
   */
  _item(command, ctx) {
    const { commands } = this.services;
    return {
      label: command.label, danger: Boolean(command.destructive), why: commands.why(command, ctx),
      run: () => void commands.run(command, ctx),
    };
  }

  /** @param {readonly import("../../types/api.js").components["schemas"]["GuestSeen"][]} guests */
  _guests(guests) {
    const { router } = this.services;
    const head = html`<div class="row"><h2>Guests</h2><span class="fill"></span>
      <a href=${router.hostHref(this.host, "/guests")}>All about guests</a></div>`;
    if (!guests.length) {
      return html`<section class="panel">${head}${empty({
        title: "This host has no guests.", cli: cli(this.services, "guestwire example list"),
        text: html`Add one on <a href=${router.hostHref(this.host, "/guests", { mode: "config" })}>Guests</a>, or begin with an example.`,
      })}</section>`;
    }
    return html`<section class="panel">${head}<div class="scroll-x"><table class="table"><caption class="sr">Guests of this host</caption>
      ${tableHead(["Guest", "Kind", "State", "As of"], { live: ["As of"], actions: true })}
      <tbody>${guests.map((guest) => this._guest(guest))}</tbody></table></div></section>`;
  }

  /** @param {import("../../types/api.js").components["schemas"]["GuestSeen"]} guest */
  _guest(guest) {
    const { router } = this.services;
    const last = guest.state === "unknown" && guest.last_state !== "unknown" ? `last known: ${guest.last_state}` : "";
    const said = last || guest.reason;
    return html`<tr><th scope="row"><a href=${router.guestHref(this.host, guest.name)}>${guest.name}</a></th><td>${guest.kind}</td>
      <td class="live long" title=${said || nothing}>${guestStatus(guest.state)} <span class="muted">${said}</span></td>
      <td class="live muted">${ago(guest.as_of, Date.now())}</td>
      <td>${guestButtons(this.services, this.host, guest.name)}</td></tr>`;
  }

  /** The newest, each as it is now. */
  _lastJobs() {
    const here = [...this.services.live.map("job").values()].filter((one) => one.host === this.host);
    const jobs = new Map([...this._jobs, ...here].map((one) => [one.id, one]));
    return [...jobs.values()].sort((one, other) => other.created_at - one.created_at).slice(0, MOST_JOBS);
  }
}
customElements.define("gw-host-overview", HostOverview);
