/** Named projects: those there are, where one was last, and how one begins another. What is in one is project.js. */

import { html, nothing } from "lit";
import { ago, counted, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import "../../parts/table.js";
import { ACCEPTED } from "./file_formats.js";
import { importFiles } from "./import_project.js";
import { Loading } from "../../parts/loading.js";
import { newProject } from "./new_project.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ProjectHead"]} ProjectHead */
/** @typedef {import("../../types/api.js").components["schemas"]["DraftSessionShown"]} DraftSession */

const SESSIONS = 5;

export class Projects extends Part {
  static properties = { ...Part.properties, over: { state: true } };

  constructor() {
    super();
    this.follow("project", "host");
    /** Whether a file is dragged over the page. */
    this.over = false;
    /** @type {Loading<{items: DraftSession[]}>} */
    this.sessions = new Loading(this, (signal) => this.services.api.get("/drafts/sessions", { limit: SESSIONS },
      signal));
    /** @type {Loading<void>} */
    this.projects = new Loading(this, () => this.services.live.need("project"));
  }

  render() {
    const { live, router, session } = this.services;
    const may = session.may("project-save");
    const wanted = (this.query.get("q") ?? "").toLowerCase();
    /** @type {ProjectHead[]} */
    const rows = [...live.map("project").values()].filter((one) => matches(one, wanted));
    return html`<section class="gw-projects ${this.over ? "over" : ""}" @dragover=${this._dragged}
      @dragleave=${this._left} @drop=${this._dropped}>
      <h1>Projects</h1>
      <p class="muted">Configurations of the hosts of a site, kept under a name with all their revisions. To open one
        makes drafts of it; a host changes when its draft is applied.</p>
      <div class="toolbar">
        <button type="button" class="button primary" ?disabled=${!may} @click=${() => newProject(this.services)}>New
          project</button>
        <button type="button" class="button" ?disabled=${!may} @click=${this._choose}>Import a file</button>
        <label class="sr" for="gw-projects-q">Filter projects</label>
        <input id="gw-projects-q" type="search" placeholder="Filter" .value=${this.query.get("q") ?? ""}
          @input=${(/** @type {InputEvent} */ event) =>
            router.set({ q: /** @type {HTMLInputElement} */ (event.target).value || null })}>
        <input id="gw-projects-file" type="file" multiple hidden accept=${ACCEPTED} aria-label="Files to import"
          @change=${this._chosen}>
      </div>
      ${may ? html`<p class="muted">A project file, kvmrt.cfg or libvirt XML can be dropped anywhere on this page.</p>`
        : html`<p class="muted">To save projects takes the role engineer.</p>`}
      ${this._continue()} ${trouble(this.projects.error, () => void this.projects.again())} ${this._table(rows, wanted)}
    </section>`;
  }

  _continue() {
    const sessions = this.sessions.document?.items ?? [];
    if (!sessions.length) return trouble(this.sessions.error, () => void this.sessions.again());
    const { router, live } = this.services;
    return html`<section class="panel" aria-labelledby="gw-projects-last">
      <h2 id="gw-projects-last">Last session</h2>
      <ul class="gw-plain">
        ${sessions.map((one) => html`<li class="row">
          <a class="button" href=${router.href(placeOf(one), { mode: "config" })}>Continue</a>
          <span>${live.get("host", `${one.site}/${one.host}`)?.label || one.host}</span>
          <span class="mono muted">${one.site}/${one.host}</span>
          <span class="muted" title=${time(one.at)}>${ago(one.at, Date.now())}, revision ${one.revision} of the
            draft</span>
        </li>`)}
      </ul>
    </section>`;
  }

  /**
   * @param {ProjectHead[]} rows
   * @param {string} wanted
   */
  _table(rows, wanted) {
    const { router } = this.services;
    const now = Date.now();
    if (this.projects.busy && !rows.length) return html`<p class="muted">Reading the projects …</p>`;
    if (this.projects.error && !rows.length) return nothing;
    return html`<gw-table .services=${this.services} caption="Projects" .rows=${rows} sort="name"
      .key=${(/** @type {ProjectHead} */ row) => row.name}
      .row_href=${(/** @type {ProjectHead} */ row) => router.href(`/projects/${encodeURIComponent(row.name)}`)}
      .columns=${[
        { id: "name", label: "Name", value: (/** @type {ProjectHead} */ row) => row.name },
        { id: "site", label: "Site", value: (/** @type {ProjectHead} */ row) => row.site },
        { id: "hosts", label: "Hosts", value: (/** @type {ProjectHead} */ row) => (row.hosts ?? []).length,
          cell: (/** @type {ProjectHead} */ row) => html`<span
            title=${(row.hosts ?? []).join(", ")}>${brief(row.hosts ?? [])}</span>` },
        { id: "revision", label: "Revision", end: true, value: (/** @type {ProjectHead} */ row) => row.revision },
        { id: "author", label: "Saved by", value: (/** @type {ProjectHead} */ row) => row.author },
        { id: "at", label: "Saved", value: (/** @type {ProjectHead} */ row) => row.at,
          cell: (/** @type {ProjectHead} */ row) => html`<span title=${time(row.at)}>${ago(row.at, now)}</span>` },
      ]}
      .empty=${wanted ? html`<p class="muted">No project matches “${wanted}”.</p>` : empty({
        title: "No projects yet",
        text: "A project keeps the configurations of hosts. Begin one from the draft of a host, an example or a file.",
        cli: cli(this.services, "guestwire project save line7 h1"),
      })}></gw-table>`;
  }

  _choose() {
    /** @type {HTMLInputElement | null} */ (this.querySelector("#gw-projects-file"))?.click();
  }

  /** @param {Event} event */
  _chosen(event) {
    const input = /** @type {HTMLInputElement} */ (event.target);
    const files = [...(input.files ?? [])];
    input.value = "";
    if (files.length) void importFiles(this.services, files);
  }

  /** @param {DragEvent} event */
  _dragged(event) {
    if (!event.dataTransfer?.types.includes("Files") || !this.services.session.may("project-save")) return;
    event.preventDefault();
    this.over = true;
  }

  _left() {
    this.over = false;
  }

  /** @param {DragEvent} event */
  _dropped(event) {
    this.over = false;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    void importFiles(this.services, files);
  }
}

/**
 * @param {ProjectHead} one
 * @param {string} wanted
 */
function matches(one, wanted) {
  return !wanted || [one.name, one.site, one.author, ...(one.hosts ?? [])].some((text) =>
    text.toLowerCase().includes(wanted));
}

/** @param {readonly string[]} hosts */
function brief(hosts) {
  return hosts.length > 3 ? `${hosts.slice(0, 2).join(", ")} and ${counted(hosts.length - 2, "more", "more")}`
    : hosts.join(", ") || "none";
}

/**
 * Where somebody was: what their client kept, if that is a page of this host.
 * @param {DraftSession} one
 */
export function placeOf(one) {
  const host = `/hosts/${one.site}/${one.host}`;
  const path = one.view?.path;
  return typeof path === "string" && (path === host || path.startsWith(`${host}/`)) ? path.split("?")[0] : host;
}

customElements.define("gw-projects", Projects);
