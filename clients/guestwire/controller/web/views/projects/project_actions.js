/** What is done with a project as a whole and asks something first: another name, which drafts, which format. */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { selectField, textField } from "../../parts/field.js";
import { FORMATS } from "./file_formats.js";
import { saveFile } from "../../parts/save_file.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../types/api.js").components["schemas"]["ProjectShown"]} ProjectShown */
/** @typedef {import("../../types/api.js").components["schemas"]["Exported"]} Exported */
/** @typedef {{name: string, address: string}} Link */

/**
 * A name of a project. Empty: nobody gave one.
 * @param {Services} services
 * @param {{title: string, action: string, value: string}} options
 * @returns {Promise<string>}
 */
export async function askName(services, { title, action, value }) {
  let typed = value;
  const found = await services.dialogs.open((close) => html`
    <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); close(typed.trim()); }}>
      <div class="dialog-body stack">
        ${textField({ id: "gw-project-name", label: "Name", value, required: true,
          hint: "Letters, digits, dot, hyphen and underscore.",
          onInput: (text) => (typed = text) })}
      </div>
      <footer><button type="button" class="button" @click=${() => close("")}>Cancel</button>
        <button class="button primary">${action}</button></footer>
    </form>`, { title });
  return typeof found === "string" ? found : "";
}

/**
 * Save drafts into a project, as they are now.
 * @param {Services} services
 * @param {ProjectShown} project
 * @returns {Promise<string>} what to say; empty: nothing was done
 */
export async function saveDrafts(services, project) {
  const { api, dialogs, live } = services;
  const drafts = [...live.map("draft").values()].filter((one) => one.site === project.site).map((one) =>
    one.host).sort();
  const before = new Set((project.content ?? []).map((one) => one.host));
  const chosen = new Set(drafts.filter((host) => before.has(host)));
  const lost = () => [...before].filter((host) => !chosen.has(host));
  const sure = await dialogs.open((close) => html`
    <form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); if (chosen.size) close(true); }}>
      <div class="dialog-body stack">
        ${drafts.length ? html`<fieldset>
          <legend>The project then has the drafts of</legend>
          ${drafts.map((host) => html`<label class="row"><input type="checkbox" .checked=${chosen.has(host)}
            @change=${(/** @type {Event} */ event) => {
              const input = /** @type {HTMLInputElement} */ (event.target);
              if (input.checked) chosen.add(host);
              else chosen.delete(host);
              input.dispatchEvent(new Event("gw-again", { bubbles: true }));
            }}> ${host} <span class="muted">revision ${live.get("draft",
              `${project.site}/${host}`)?.revision ?? ""}</span></label>`)}
        </fieldset>` : html`<p>The site ${project.site} has no drafts. Edit a host in Config mode first.</p>`}
        ${lost().length ? html`<p class="issue w"><span aria-hidden="true">▲</span>
          ${lost().join(", ")} ${lost().length === 1 ? "is" : "are"} in the project now and would not be any more. Its
            revisions keep it.</p>` : nothing}
      </div>
      <footer><button type="button" class="button" @click=${() => close(false)}>Cancel</button>
        <button class="button primary" ?disabled=${!chosen.size}>Save</button></footer>
    </form>`, { title: `Save into ${project.name}` });
  if (sure !== true) return "";
  const body = { site: project.site, drafts: [...chosen] };
  await api.send("PUT", `/projects/${encodeURIComponent(project.name)}`, { body, ifMatch: project.revision });
  return `The project ${project.name} is saved.`;
}

/**
 * Write a project, or one host of it, as files.
 * @param {Services} services
 * @param {ProjectShown} project
 */
export async function exportProject(services, project) {
  await services.dialogs.open(
    (close) => html`<gw-project-export .services=${services} .project=${project} .close=${close}></gw-project-export>`,
    { title: `Export ${project.name}` },
  );
}

export class ProjectExport extends Part {
  static properties = {
    ...Part.properties, project: { attribute: false }, close: { attribute: false }, format: { state: true },
      host: { state: true }, links: { state: true },
    made: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    /** @type {ProjectShown | null} */
    this.project = null;
    this.close = () => {};
    /** @type {import("./file_formats.js").Format} */
    this.format = "guestwire";
    this.host = "";
    /** @type {Exported | null} */
    this.made = null;
    /** Files to be taken one by one: browsers stop a page that downloads several at once. @type {readonly Link[]} */
    this.links = [];
    /** @type {unknown} */
    this.error = null;
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this._none();
  }

  render() {
    const hosts = (this.project?.content ?? []).map((one) => one.host);
    /** @type {[string, string][]} */
    const whole = this.format === "guestwire" ? [["", "all hosts"]] : [];
    const host = this.host || (whole.length ? "" : hosts[0] ?? "");
    return html`<form @submit=${(/** @type {Event} */ event) => this._export(event, host)}>
      <div class="dialog-body stack">
        ${selectField({ id: "gw-project-export-format", label: "Format", value: this.format,
          options: FORMATS.map((one) => [one.value, one.label]),
          onChange: (value) => {
            this.format = /** @type {import("./file_formats.js").Format} */ (value);
            this._none();
          } })}
        ${selectField({ id: "gw-project-export-host", label: "Host", value: host,
          options: [...whole, ...hosts], onChange: (value) => {
            this.host = value;
            this._none();
          } })}
        ${trouble(this.error)}
        <div aria-live="polite">${this.made ? this._said(this.made) : nothing}</div>
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Close</button>
        <button class="button primary" ?disabled=${!hosts.length
          && this.format !== "guestwire"}>${this.links.length ? "Make them anew" : "Download"}</button></footer>
    </form>`;
  }

  /** @param {Exported} made */
  _said(made) {
    const left = made.not_carried ?? [];
    return html`${this.links.length ? html`<p>These are ${this.links.length} files. Download each by its link:</p>
        <ul class="gw-plain">${this.links.map((one) => html`<li><a class="button" href=${one.address}
          download=${one.name}>${one.name}</a></li>`)}</ul>`
      : html`<p>Downloaded: <span class="mono">${made.files[0]?.name ?? "no files"}</span></p>`}
      ${left.length ? html`<p>This format cannot say:</p>
        <ul>${left.map((one) => html`<li>${one}</li>`)}</ul>` : nothing}`;
  }

  /**
   * @param {Event} event
   * @param {string} host
   */
  async _export(event, host) {
    event.preventDefault();
    this.error = null;
    this._none();
    try {
      const path = `/projects/${encodeURIComponent(this.project?.name ?? "")}/export`;
      /** @type {Exported} */
      const made = await this.services.api.get(path, { format: this.format, host: host || null });
      if (made.files.length === 1) saveFile(made.files[0].name, made.files[0].text);
      else this.links = made.files.map(({ name, text }) => ({ name, address: URL.createObjectURL(new Blob([text])) }));
      this.made = made;
    } catch (error) {
      this.error = error;
    }
  }

  /** Nothing is made, or it is let go of. */
  _none() {
    for (const one of this.links) URL.revokeObjectURL(one.address);
    this.links = [];
    this.made = null;
  }
}

customElements.define("gw-project-export", ProjectExport);
