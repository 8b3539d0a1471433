/** The dock at the bottom: jobs, notices and consoles, whatever page one is at. The address says which of them is open. */

import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { ago, time } from "../core/format.js";
import { part } from "../core/part_loading.js";
import { Part } from "../parts/part.js";
import { jobStatus } from "../parts/status.js";
import { keyOf, newestFirst, ofStream, sentence } from "../views/messages/notice_words.js";

const PANELS = [["jobs", "Jobs"], ["notices", "Notices"], ["consoles", "Consoles"]];
const MOST = 50;

export class Dock extends Part {
  static properties = { ...Part.properties, _console: { state: true }, _ready: { state: true } };

  constructor() {
    super();
    this.follow("job", "notice");
    /** Which guest's console is shown, as "site/host/guest". */
    this._console = "";
    this._ready = false;
    this._begun = false;
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(this.services.router);
  }

  get _panel() {
    return this.services.router.query.get("dock") ?? "";
  }

  willUpdate() {
    if (this._panel === "notices" && !this._begun) {
      this._begun = true;
      void this._older();
    }
    if (this._panel === "consoles" && !this._ready) {
      part(() => import("../views/guest/console_screen.js")).then(() => { this._ready = true; }, () => null);
    }
  }

  /** What was said before this page was opened. */
  async _older() {
    const page = await this.services.api.get("/notices", { limit: MOST }).catch(() => null);
    /** @type {any[]} */
    this._before = page?.items ?? [];
    this.requestUpdate();
  }

  render() {
    const { router, live } = this.services;
    const panel = this._panel;
    const running = [...live.map("job").values()].filter((job) => !job.finished).length;
    return html`<section class="dock ${panel ? "open" : ""}" aria-label="Dock">
      <div class="dock-tabs">${PANELS.map(([id, label]) => html`
        <button type="button" aria-expanded=${panel === id} aria-controls="dock-panel" @click=${() => router.set({ dock: panel === id ? null : id })}>
          ${label}${id === "jobs" && running ? html` <span class="count">${running}</span>` : nothing}
          ${id === "consoles" && panel === id && this._console ? `· ${this._console.split("/")[2]}` : nothing}</button>`)}
        <span class="fill"></span>
        ${panel ? html`<button type="button" aria-label="Close the dock" @click=${() => router.set({ dock: null })}>✕</button>` : nothing}</div>
      <div id="dock-panel" class="dock-panel" ?hidden=${!panel} tabindex=${panel ? 0 : -1} role="region"
        aria-label=${PANELS.find(([id]) => id === panel)?.[1] ?? "Dock"}>
        ${panel === "jobs" ? this._jobs() : panel === "notices" ? this._notices() : panel === "consoles" ? this._consoles() : nothing}</div>
    </section>`;
  }

  _jobs() {
    const { live, router } = this.services;
    const jobs = [...live.map("job").values()].sort((one, other) => other.created_at - one.created_at).slice(0, MOST);
    if (!jobs.length) return html`<p class="muted">No job yet: what hosts are asked to do appears here.</p>`;
    return html`<table class="table"><caption class="sr">The newest jobs</caption>
      ${heads("State", "Operation", "Host", "Progress", "By", "When")}
      <tbody>${jobs.map((job) => html`<tr><td>${jobStatus(job.state)}</td><td><a href=${router.href(`/jobs/${job.id}`)}>${job.operation}</a></td>
        <td><a href=${router.hostHref(job.host)}>${job.host}</a></td><td>${progress(job)}</td>
        <td>${job.person}</td><td title=${time(job.created_at)}>${ago(job.created_at, Date.now())}</td></tr>`)}</tbody></table>`;
  }

  _notices() {
    const { live, router } = this.services;
    const told = [...(this._before ?? []), ...[...live.map("notice").values()].map(ofStream)];
    const several = [...new Map(told.map((one) => [keyOf(one), one])).values()].sort(newestFirst).slice(0, MOST);
    if (!several.length) return html`<p class="muted">No notice yet: what hosts say by themselves appears here.</p>`;
    return html`<table class="table"><caption class="sr">The newest notices</caption>${heads("When", "Host", "What")}
      <tbody>${several.map((one) => html`<tr><td class="num" title=${time(one.at)}>${time(one.at).slice(-8)}</td>
        <td><a href=${router.hostHref(`${one.site}/${one.host}`)}>${one.host}</a></td><td>${sentence(one)}</td></tr>`)}</tbody></table>`;
  }

  _consoles() {
    const { router, hosts } = this.services;
    const here = router.host;
    const guests = here ? hosts.of(here).detail?.guest_list ?? [] : [];
    const chosen = this._console || (here && guests[0] ? `${here}/${router.params.guest ?? guests[0].name}` : "");
    const [site, host, guest] = chosen.split("/");
    const options = [...new Set([...(this._console ? [this._console] : []), ...guests.map((one) => `${here}/${one.name}`)])];
    if (!chosen) return html`<p class="muted">Open a host to see the consoles of its guests.</p>`;
    return html`<div class="toolbar"><label for="dock-console">Guest</label>
        <select id="dock-console" @change=${(/** @type {any} */ event) => { this._console = event.target.value; }}>${options.map((one) => html`
          <option value=${one} .selected=${live(one === chosen)}>${one.split("/").slice(1).join(" / ")}</option>`)}</select></div>
      ${this._ready ? html`<gw-console-screen .services=${this.services} .host=${`${site}/${host}`} .guest=${guest}></gw-console-screen>` : html`<p class="muted">Loading</p>`}`;
  }
}

/** @param {...string} names */
function heads(...names) {
  return html`<thead><tr>${names.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>`;
}

/** How far a job is, or what came of it. @param {any} job */
function progress({ progress: now, message, finished }) {
  if (!now || finished) return message ?? "";
  return [now.percent === null ? "" : `${now.percent} %`, now.step, now.message].filter(Boolean).join(" · ");
}
customElements.define("gw-dock", Dock);
