/** The revisions of a project: who changed what, the text of one, and making one the newest again. */

import { html, nothing } from "lit";
import { ago, counted, time } from "../../core/format.js";
import { Part } from "../../parts/part.js";
import { changeList } from "./changes.js";
import { Pages } from "../../parts/loading.js";
import { saveFile } from "../../parts/save_file.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ProjectRevisionShown"]} Revision */
/** @typedef {import("../../types/api.js").components["schemas"]["ProjectShown"]} ProjectShown */

export class ProjectRevisions extends Part {
  static properties = { ...Part.properties, project: { attribute: false }, shown: { state: true } };

  constructor() {
    super();
    /** @type {ProjectShown | null} */
    this.project = null;
    /** Texts that were asked for, by revision. @type {ReadonlyMap<number, string>} */
    this.shown = new Map();
    /** @type {Pages<Revision>} */
    this.pages = new Pages(this, (cursor, signal) => this.services.api.get(`${this._path}/revisions`, { limit: 50,
      cursor }, signal));
  }

  get _path() {
    return `/projects/${encodeURIComponent(this.project?.name ?? "")}`;
  }

  /** @param {Map<string, unknown>} changed */
  updated(changed) {
    super.updated(changed);
    const before = /** @type {ProjectShown | null | undefined} */ (changed.get("project"));
    if (before && before.revision !== this.project?.revision) void this.pages.again();
  }

  render() {
    return html`<div class="stack">
      <p class="muted">Every save is a revision; the newest 200 are kept. Restoring makes a new revision with the old
        content.</p>
      ${trouble(this.pages.error, () => void this.pages.again())}
      <ol class="gw-revisions">${this.pages.items.map((one) => this._revision(one))}</ol>
      ${this.pages.next ? html`<button type="button" class="button" ?disabled=${this.pages.busy}
        @click=${() => void this.pages.more()}>
        Older revisions</button>` : nothing}
    </div>`;
  }

  /** @param {Revision} one */
  _revision(one) {
    const newest = one.revision === this.project?.revision;
    const changes = one.changes ?? [];
    const text = this.shown.get(one.revision);
    return html`<li class="panel">
      <h3>Revision ${one.revision}${newest ? html` <span class="chip">now</span>` : nothing}</h3>
      <p>${one.summary} <span class="muted">by ${one.author}, <span title=${time(one.at)}>${ago(one.at,
        Date.now())}</span></span></p>
      <details>
        <summary>${counted(changes.length + (one.more ?? 0), "change")}</summary>
        ${changeList(changes, one.more)}
      </details>
      ${text === undefined ? nothing : html`<pre class="gw-file" tabindex="0"
        aria-label="Revision ${one.revision}">${text}</pre>`}
      <div class="toolbar">
        <button type="button" class="button quiet" aria-expanded=${text !== undefined}
          @click=${() => void this._show(one.revision)}>
          ${text === undefined ? "Show the file" : "Hide the file"}</button>
        <button type="button" class="button quiet" @click=${() => void this._save(one.revision)}>Download</button>
        ${newest || !this.services.session.may("project-save") ? nothing : html`<button type="button"
          class="button quiet"
          @click=${() => void this._restore(one.revision)}>Restore revision ${one.revision}</button>`}
      </div>
    </li>`;
  }

  /**
   * @param {number} revision
   * @returns {Promise<string>}
   */
  async _text(revision) {
    return (await this.services.api.get(`${this._path}/revisions/${revision}`)).text;
  }

  /** @param {number} revision */
  async _show(revision) {
    const shown = new Map(this.shown);
    if (shown.delete(revision)) {
      this.shown = shown;
      return;
    }
    try {
      shown.set(revision, await this._text(revision));
      this.shown = shown;
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** @param {number} revision */
  async _save(revision) {
    try {
      saveFile(`${this.project?.name}-${revision}.toml`, await this._text(revision), "application/toml");
    } catch (error) {
      this.services.say.problem(error);
    }
  }

  /** @param {number} revision */
  async _restore(revision) {
    const { api, dialogs, say } = this.services;
    const { project } = this;
    if (!project) return;
    const sure = await dialogs.confirm({ title: `Restore revision ${revision}`, action: "Restore",
      text: `${project.name} gets a new revision with the content of revision ${revision}. Drafts and hosts stay.` });
    if (!sure) return;
    try {
      const body = { site: project.site, text: await this._text(revision) };
      await api.send("PUT", this._path, { body, ifMatch: project.revision });
      this.dispatchEvent(new CustomEvent("saved", { bubbles: true, detail: `Revision ${revision} of ${project.name} is restored.` }));
    } catch (error) {
      say.problem(error);
    }
  }
}

customElements.define("gw-project-revisions", ProjectRevisions);
