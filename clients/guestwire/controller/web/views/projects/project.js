/** One project: what is in it, opening it, its revisions, and what can be done with it as a whole. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { ago, time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import "../../parts/menu.js";
import { Part } from "../../parts/part.js";
import { tabs } from "../../parts/tabs.js";
import { askName, exportProject, saveDrafts } from "./project_actions.js";
import { Loading } from "../../parts/loading.js";
import "./open_project.js";
import "./revisions.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ProjectShown"]} ProjectShown */

const TABS = [["", "Contents"], ["open", "Open"], ["revisions", "Revisions"], ["file", "File"]];

export class Project extends Part {
  constructor() {
    super();
    this.follow("project", "draft", "host");
    /** @type {Loading<ProjectShown>} */
    this.project = new Loading(this, (signal) => this.services.api.get(this._path, {}, signal));
  }

  get _path() {
    return `/projects/${encodeURIComponent(this.params.name)}`;
  }

  connectedCallback() {
    super.connectedCallback();
    this.until(this.services.live.on("project", (changes) => {
      const mine = changes.find((one) => one.key === this.params.name);
      if (mine?.document && mine.document.revision !== this.project.document?.revision) void this.project.again();
    }));
  }

  render() {
    const project = this.project.document;
    if (!project) {
      return html`<h1>${this.params.name}</h1>${this.project.error ? trouble(this.project.error,
        () => void this.project.again())
        : html`<p class="muted">Reading the project …</p>`}`;
    }
    const { router } = this.services;
    const tab = this.query.get("tab") ?? "";
    const path = `/projects/${encodeURIComponent(project.name)}`;
    return html`<section class="gw-project stack"
      @saved=${(/** @type {CustomEvent<string>} */ event) => void this._done(async () => event.detail)}>
      <p><a href=${router.href("/projects")}>Projects</a></p>
      <div class="row">
        <h1>${project.name}</h1>
        <span class="muted">revision ${project.revision}, saved by ${project.author}, <span
          title=${time(project.at)}>${ago(project.at, Date.now())}</span></span>
      </div>
      ${project.title ? html`<p>${project.title}</p>` : nothing}
      ${project.comments ? html`<p class="gw-lines muted">${project.comments}</p>` : nothing}
      ${this._actions(project)}
      ${tabs(TABS.map(([id, label]) => ({ label, current: tab === id, href: router.href(path, { tab: id }) })),
        "Project")}
      ${trouble(this.project.error)}
      ${tab === "open" ? html`<gw-project-open .services=${this.services} .project=${project}></gw-project-open>`
        : tab === "revisions" ? html`<gw-project-revisions .services=${this.services}
          .project=${project}></gw-project-revisions>`
        : tab === "file" ? html`<pre class="gw-file" tabindex="0" aria-label="The project file">${project.text}</pre>`
        : this._contents(project)}
    </section>`;
  }

  /** @param {ProjectShown} project */
  _actions(project) {
    const { router, session } = this.services;
    const why = session.may("project-save") ? "" : "To change projects takes the role engineer.";
    const run = (/** @type {() => Promise<string | void>} */ task) => () => void this._done(task);
    return html`<div class="toolbar">
      <a class="button primary" href=${router.href(`/projects/${encodeURIComponent(project.name)}`,
        { tab: "open" })}>Open</a>
      <button type="button" class="button" ?disabled=${why !== ""} title=${why}
        @click=${run(() => saveDrafts(this.services, project))}>
        Save drafts into it</button>
      <button type="button" class="button" @click=${run(() => exportProject(this.services, project))}>Export</button>
      <gw-menu .services=${this.services} label="More" .items=${[
        { label: "Save as another project", why, run: run(() => this._copy(project)) },
        { label: "Rename", why, run: run(() => this._rename(project)) },
        { label: "Remove", why, danger: true, run: run(() => this._remove(project)) },
      ]}></gw-menu>
    </div>`;
  }

  /** @param {ProjectShown} project */
  _contents(project) {
    const { live, router } = this.services;
    const content = project.content ?? [];
    return html`<div class="stack">
      ${content.length ? html`<table class="table">
        <caption class="sr">Hosts of the project</caption>
        <thead><tr><th scope="col">Host</th><th scope="col">Guests</th><th scope="col">Here</th></tr></thead>
        <tbody>${content.map((one) => {
          const host = live.get("host", `${project.site}/${one.host}`);
          return html`<tr>
            <th scope="row">${one.host}</th>
            <td>${(one.guests ?? []).join(", ") || "none"}</td>
            <td>${host ? html`<a href=${router.href(`/hosts/${project.site}/${one.host}`)}>${host.label
              || one.host}</a>`
              : html`<span class="muted">no such host in ${project.site}</span>`}</td>
          </tr>`;
        })}</tbody>
      </table>` : html`<p>There are no hosts in it yet. Save drafts into it, or import a file.</p>`}
      ${cli(this.services, line`guestwire project open ${project.name}`)}
    </div>`;
  }

  /** @param {() => Promise<string | void>} task its words are said when the page shows what is so now */
  async _done(task) {
    try {
      const words = await task();
      if (this.isConnected) await this.project.again();
      if (words) this.services.say.done(words);
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** @param {ProjectShown} project */
  async _copy(project) {
    const { api, router, say } = this.services;
    const to = await askName(this.services, { title: "Save as another project", action: "Save",
      value: `${project.name}-2` });
    if (!to) return;
    await api.send("POST", `${this._path}/copy`, { body: { to } });
    say.done(`The project is saved as ${to}.`);
    router.go(`/projects/${encodeURIComponent(to)}`);
  }

  /** @param {ProjectShown} project */
  async _rename(project) {
    const { api, router, say } = this.services;
    const to = await askName(this.services, { title: `Rename ${project.name}`, action: "Rename", value: project.name });
    if (!to || to === project.name) return;
    await api.send("POST", `${this._path}/rename`, { body: { to }, ifMatch: project.revision });
    say.done(`The project is called ${to} now.`);
    router.go(`/projects/${encodeURIComponent(to)}`);
  }

  /** @param {ProjectShown} project */
  async _remove(project) {
    const { api, dialogs, router, say } = this.services;
    const text = "The project and its revisions are gone then. Drafts and hosts stay as they are.";
    if (!(await dialogs.confirmName({ title: "Remove the project", text, name: project.name,
      action: "Remove" }))) return;
    await api.send("DELETE", this._path, { ifMatch: project.revision });
    say.done(`The project ${project.name} is removed.`);
    router.go("/projects");
  }
}

customElements.define("gw-project", Project);
