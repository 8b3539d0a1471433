/** A host at a glance: what it is, how it does, its guests, what is wrong, what was done, and what can be done with it. */

import { html, nothing } from "lit";
import { ago, duration, mib, time } from "../../core/format.js";
import { empty } from "../../parts/empty.js";
import { cli } from "../../parts/cli.js";
import { guestStatus, hostStatus, jobStatus, pill, severity, syncStatus } from "../../parts/status.js";
import "../../parts/menu.js";
import { HostPart } from "./host_part.js";
import { nameHost } from "./overview_words.js";
import { HostUsage, usagePanel } from "./overview_usage.js";
import { moreItems, syncHardware } from "./overview_more.js";

const LIVE_MS = 5000;
const MOST_JOBS = 8;

export class HostOverview extends HostPart {
  static properties = { ...HostPart.properties, _comm: { state: true }, _usage: { state: true }, _jobs: { state: true } };

  constructor() {
    super();
    /** @type {any} what comm-status said; null: not known */
    this._comm = null;
    /** @type {import("./overview_usage.js").Usage} */
    this._usage = {};
    /** Jobs that ended before the page was opened. @type {any[]} */
    this._jobs = [];
    this.follow("host", "alarm", "job");
  }

  connectedCallback() {
    super.connectedCallback();
    const usage = new HostUsage(this.services.api, this.params.site, this.params.host);
    this.every(LIVE_MS, async (signal) => {
      const [comm, read] = await Promise.all([
        this.services.api.operation(this.host, "comm-status", {}, signal).catch(() => null), usage.read(signal).catch(() => this._usage),
      ]);
      this._comm = comm;
      this._usage = read;
    });
    void this.services.api.get("/jobs", { selection: `site=${this.params.site} host=${this.params.host}`, limit: MOST_JOBS })
      .then((page) => { this._jobs = page.items; }, () => null);
  }

  render() {
    const { detail } = this.data;
    if (!detail) {
      return this.data.error ? empty({ title: "This host could not be read.", text: this.data.error.message,
        action: html`<button type="button" class="button" @click=${() => this.again()}>Try again</button>` }) : this.waiting();
    }
    return html`<div class="stack">
      <div class="toolbar"><h2 class="sr">Overview</h2>${this._actions()}</div>
      <div class="grid">${this._what(detail)}${this._health(detail)}${usagePanel(this._usage, detail, this.services.router.hostHref(this.host, "/telemetry"))}
        ${this._alarms()}</div>
      ${this._guests(detail)}
      <div class="grid">${this._done()}${this._can()}</div>
      ${cli(this.services, `guestwire host show ${this.params.host}`)}
    </div>`;
  }

  _actions() {
    const { commands } = this.services;
    const ctx = { host: this.host };
    const item = (/** @type {any} */ command) => ({ label: command.label, danger: Boolean(command.destructive), why: commands.why(command, ctx), run: () => void commands.run(command, ctx) });
    const of = (/** @type {readonly string[]} */ ids) => commands.host.filter((one) => ids.includes(one.id));
    return html`${of(["boot", "stop"]).map((command) => {
      const why = commands.why(command, ctx);
      return html`<button type="button" class="button" ?disabled=${why !== ""} title=${why || nothing} @click=${() => commands.run(command, ctx)}>${command.label}</button>`;
    })}
      <gw-menu .services=${this.services} label="Communication" .items=${of(["comm-start", "comm-stop", "comm-restart"]).map(item)}></gw-menu>
      <gw-menu .services=${this.services} label="Host power" .items=${of(["reboot", "reboot-force", "poweroff", "poweroff-force"]).map(item)}></gw-menu>
      <gw-menu .services=${this.services} label="More" .items=${moreItems(this.services, this.host, {
        update: () => void this.askAnew(), hardware: () => void syncHardware(this.services, this.host), words: () => void nameHost(this.services, this.data),
      })}></gw-menu>`;
  }

  /** @param {import("../../types/api.js").components["schemas"]["HostDetail"]} detail */
  _what(detail) {
    const facts = this.data.inventory?.host?.facts;
    const labels = Object.entries(detail.labels);
    return html`<section class="panel"><div class="row"><h2>What it is</h2><span class="fill"></span>
      ${this.services.session.may("host-label", this.host) ? html`<button type="button" class="button quiet" @click=${() => nameHost(this.services, this.data)}>Edit names and labels</button>` : nothing}</div>
      <dl class="kv">
        <dt>Name</dt><dd>${detail.label || detail.host}</dd><dt>Identifier</dt><dd class="mono">${detail.site}/${detail.host}</dd>
        <dt>Labels</dt><dd>${labels.length ? labels.map(([name, value]) => html`<span class="chip">${name}${value ? ` = ${value}` : ""}</span> `) : html`<span class="muted">none</span>`}</dd>
        ${detail.notes ? html`<dt>Notes</dt><dd class="host-notes">${detail.notes}</dd>` : nothing}
        <dt>Machine</dt><dd>${detail.cpus} CPUs, ${mib(detail.memory_mib)}, ${detail.machine || "unknown"}</dd>
        <dt>System</dt><dd>${detail.hostname}, Linux ${detail.kernel || "unknown"}</dd>
        <dt>Hypervisor</dt><dd>${facts?.capabilities.hypervisor || detail.driver}${detail.driver === "simulated" ? ", a simulated host" : ""}</dd>
        <dt>Agent</dt><dd>${detail.agent_version}, epoch ${detail.epoch}${this.data.inventory?.host?.started_at ? `, started ${time(this.data.inventory.host.started_at)}` : ""}</dd>
        <dt>Boot</dt><dd class="mono">${detail.boot_id || "unknown"}</dd>
        <dt>First seen</dt><dd>${time(detail.first_seen_at)}${detail.approved_by ? `, let in by ${detail.approved_by}` : ""}</dd></dl></section>`;
  }

  /** @param {import("../../types/api.js").components["schemas"]["HostDetail"]} detail */
  _health(detail) {
    const now = Date.now();
    const reboot = this.data.inventory?.host?.reboot_required;
    const revisions = this.services.router.hostHref(this.host, "/history");
    return html`<section class="panel"><h2>How it does</h2><dl class="kv">
      <dt>Connection</dt><dd>${hostStatus(detail.state)} since ${duration(now - detail.state_at)}${detail.state === "online" ? "" : `, heard ${ago(detail.heard_at, now)}`}
        ${detail.why && detail.state !== "online" ? html`<div class="muted">${detail.why}</div>` : nothing}${detail.back_by_at ? html`<div class="muted">Means to be back ${ago(detail.back_by_at, now)}</div>` : nothing}</dd>
      <dt>Approval</dt><dd>${detail.approval === "approved" ? "let in" : pill("pend", "◔", detail.approval)}</dd>
      <dt>Clock</dt><dd>${detail.clock === "synchronised" ? pill("ok", "✓", "synchronised") : pill(detail.clock === "unknown" ? "off" : "warn", detail.clock === "unknown" ? "◌" : "▲", detail.clock)}</dd>
      <dt>Configuration</dt><dd>${syncStatus(detail.sync)} <a href=${revisions}>revision ${detail.active_revision}</a></dd>
      <dt>Drift</dt><dd>${detail.drift === null ? "unknown" : detail.drift === 0 ? "none" : html`${pill("warn", "▲", `${detail.drift} changed behind our back`)} <a href=${revisions}>See what</a>`}</dd>
      <dt>Reboot</dt><dd>${detail.reboot === null ? "unknown" : detail.reboot ? html`${pill("warn", "↻", "needed")}${(reboot?.reasons ?? []).map((/** @type {string} */ one) => html`<div class="muted">${one}</div>`)}` : "not needed"}</dd>
      <dt>Communication</dt><dd>${this._communication()}</dd></dl></section>`;
  }

  _communication() {
    const comm = this._comm;
    if (!comm) return pill("off", "◌", "unknown");
    const look = { running: ["ok", "●"], degraded: ["warn", "▲"], stopped: ["off", "○"] }[/** @type {"running"} */ (comm.state)] ?? ["info", "●"];
    return html`${pill(look[0], look[1], comm.state)} <span class="muted">${comm.peers.length} attached, ${comm.regions} regions</span>
      ${comm.stranded.length ? html`<div class="muted">Without it: ${comm.stranded.map((/** @type {any} */ one) => one.guest ?? one.name).join(", ")}</div>` : nothing}`;
  }

  _alarms() {
    const alarms = [...this.services.live.map("alarm").values()]
      .filter((one) => one.site === this.params.site && one.host === this.params.host && !one.cleared_at);
    return html`<section class="panel"><h2>Alarms</h2>${alarms.length ? html`<ul class="plain">${alarms.map((one) => html`
      <li>${severity(one.severity)} ${one.text} <span class="muted">${one.part ? `${one.part}, ` : ""}${ago(one.since, Date.now())}${one.acknowledged_by ? `, ${one.acknowledged_by} looks after it` : ""}</span></li>`)}</ul>`
      : html`<p class="muted">Nothing is wrong.</p>`}
      <p><a href=${this.services.router.href("/alarms", { q: `site=${this.params.site} host=${this.params.host}` })}>All alarms</a></p></section>`;
  }

  /** @param {import("../../types/api.js").components["schemas"]["HostDetail"]} detail */
  _guests(detail) {
    const { router, commands } = this.services;
    return html`<section class="panel"><div class="row"><h2>Guests</h2><span class="fill"></span><a href=${router.hostHref(this.host, "/guests")}>All about guests</a></div>
      ${detail.guest_list.length ? html`<div class="scroll-x"><table class="table"><caption class="sr">Guests of this host</caption>
        <thead><tr>${["Guest", "Kind", "State", "As of"].map((word) => html`<th scope="col">${word}</th>`)}<th scope="col"><span class="sr">Actions</span></th></tr></thead>
        <tbody>${detail.guest_list.map((guest) => {
          const ctx = { host: this.host, guest: guest.name };
          return html`<tr><th scope="row"><a href=${router.guestHref(this.host, guest.name)}>${guest.name}</a></th><td>${guest.kind}</td>
            <td>${guestStatus(guest.state)}${guest.state === "unknown" && guest.last_state !== "unknown" ? html`<span class="muted"> last known: ${guest.last_state}</span>` : nothing}
              ${guest.reason ? html`<span class="muted"> ${guest.reason}</span>` : nothing}</td><td class="muted">${ago(guest.as_of, Date.now())}</td>
            <td><div class="row">${commands.guest.filter((one) => ["start", "shutdown", "resume"].includes(one.id) && !commands.why(one, ctx)).map((command) => html`
              <button type="button" class="button" aria-label="${command.label} ${guest.name}" @click=${() => commands.run(command, ctx)}>${command.label}</button>`)}
              <gw-menu .services=${this.services} label="More" .items=${commands.guest.filter((one) => !["start", "shutdown", "resume"].includes(one.id)).map((command) => ({
                label: command.label, danger: Boolean(command.destructive), why: commands.why(command, ctx), run: () => void commands.run(command, ctx),
              }))}></gw-menu></div></td></tr>`;
        })}</tbody></table></div>` : empty({ title: "This host has no guests.", text: html`Add one on <a href=${router.hostHref(this.host, "/guests", { mode: "config" })}>Guests</a>, or begin with an example.`,
          cli: cli(this.services, `guestwire example list`) })}</section>`;
  }

  _done() {
    const here = [...this.services.live.map("job").values()].filter((one) => one.host === this.host || one.host === this.params.host);
    const jobs = [...new Map([...this._jobs, ...here].filter((one) => one.host === this.host).map((one) => [one.id, one])).values()]
      .sort((one, other) => other.created_at - one.created_at).slice(0, MOST_JOBS);
    return html`<section class="panel"><h2>Last jobs</h2>${jobs.length ? html`<ul class="plain">${jobs.map((job) => html`
      <li>${jobStatus(job.state)} <a href=${this.services.router.href(`/jobs/${job.id}`)}>${job.operation}</a> <span class="muted">${job.person}, ${ago(job.created_at, Date.now())}</span></li>`)}</ul>`
      : html`<p class="muted">Nothing was done with this host from here yet.</p>`}</section>`;
  }

  _can() {
    const found = this.data.inventory?.host?.facts?.capabilities;
    if (!found) return nothing;
    /** @type {[string, boolean][]} */
    const flags = [["KVM", found.kvm], ["IOMMU", found.iommu], ["Real-time kernel", found.rt_kernel], ["Cache allocation", found.resctrl], ["Emulation", found.tcg]];
    return html`<section class="panel"><h2>What it can do</h2><ul class="plain capabilities">
      ${flags.map(([word, has]) => html`<li>${has ? pill("ok", "✓", "yes") : pill("off", "○", "no")} ${word}</li>`)}
      <li>${pill(found.cgroup === "none" ? "off" : "ok", found.cgroup === "none" ? "○" : "✓", found.cgroup)} Control groups</li>
      <li>${found.hugepages_mib.length ? pill("ok", "✓", found.hugepages_mib.map((/** @type {number} */ size) => mib(size)).join(", ")) : pill("off", "○", "no")} Huge pages</li></ul>
      ${found.notes.map((/** @type {string} */ note) => html`<p class="muted">${note}</p>`)}</section>`;
  }
}
customElements.define("gw-host-overview", HostOverview);
