/** The dialog that takes files: a project file as a project, or any of the formats into the draft of a host. */

import { html, nothing } from "lit";
import { counted } from "../../core/format.js";
import { Part } from "../../parts/part.js";
import { selectField, textField } from "../../parts/field.js";
import { textOf } from "./file_text.js";
import { FORMATS, formatOf, projectName } from "./file_formats.js";
import { hostsOfSite, sitesOf } from "./hosts_of_site.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {{name: string, text: string}} TextFile */

const LONGEST = 8 << 20;

/**
 * Read files, ask what is to become of them, and do it.
 * @param {Services} services
 * @param {readonly File[]} files
 */
export async function importFiles(services, files) {
  const large = files.find((one) => one.size > LONGEST);
  if (large) {
    services.say.problem(new Error(`${large.name} is larger than 8 MiB, which is the most.`));
    return;
  }
  /** @type {readonly TextFile[]} */
  let texts = [];
  try {
    texts = await Promise.all(files.map(async (one) => ({ name: one.name, text: await textOf(one) })));
  } catch (error) {
    services.say.problem(error);
    return;
  }
  const place = await services.dialogs.open(
    (close) => html`<gw-import-files .services=${services} .files=${texts} .close=${close}></gw-import-files>`,
    { title: "Import" },
  );
  if (typeof place !== "string") return;
  if (place.startsWith("/hosts/")) services.router.go(place, { mode: "config" });
  else services.router.go(place);
}

export class ImportFiles extends Part {
  static properties = {
    ...Part.properties, files: { attribute: false }, close: { attribute: false }, format: { state: true },
      into: { state: true },
    name: { state: true }, site: { state: true }, host: { state: true }, busy: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    this.follow("host", "draft");
    /** @type {readonly TextFile[]} */
    this.files = [];
    /** @type {(place?: string) => void} */
    this.close = () => {};
    /** @type {import("./file_formats.js").Format | ""} */
    this.format = "";
    /** @type {"project" | "draft"} */
    this.into = "project";
    this.name = "";
    this.site = "";
    this.host = "";
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
  }

  connectedCallback() {
    super.connectedCallback();
    const [first] = this.files;
    this.format ||= formatOf(first?.name ?? "", first?.text ?? "");
    this.name ||= projectName(first?.name ?? "");
  }

  /** Only one project file is a project; the other formats say something of one host. */
  get _asProject() {
    return this.format === "guestwire" && this.files.length === 1 && this.into === "project";
  }

  render() {
    const { live } = this.services;
    const hosts = hostsOfSite(live);
    const host = this.host || (hosts[0] ? `${hosts[0].site}/${hosts[0].host}` : "");
    const sites = sitesOf(live);
    const site = this.site || sites[0] || "";
    return html`<form @submit=${(/** @type {Event} */ event) => this._take(event, site, host)}>
      <div class="dialog-body stack">
      <p>${this.files.length === 1 ? html`<span class="mono">${this.files[0].name}</span>` : counted(this.files.length,
        "file")}</p>
      ${selectField({ id: "gw-import-format", label: "Format", value: this.format, options: FORMATS.map((one) =>
        [one.value, one.label]),
        onChange: (value) => (this.format = /** @type {import("./file_formats.js").Format} */ (value)) })}
      ${this.format === "guestwire" && this.files.length === 1 ? html`<fieldset>
        <legend>Import as</legend>
        <label class="row"><input type="radio" name="gw-import-into" .checked=${this.into === "project"}
          @change=${() => (this.into = "project")}> A new project</label>
        <label class="row"><input type="radio" name="gw-import-into" .checked=${this.into === "draft"}
          @change=${() => (this.into = "draft")}> The draft of a host</label>
      </fieldset>` : nothing}
      ${this._asProject ? html`
        ${textField({ id: "gw-import-name", label: "Name of the project", value: this.name, required: true,
          error: fieldTrouble(this.error, "name"), onInput: (value) => (this.name = value) })}
        ${selectField({ id: "gw-import-site", label: "Site", value: site,
          options: sites, onChange: (value) => (this.site = value) })}` : html`
        ${selectField({ id: "gw-import-host", label: "Draft of the host", value: host,
          options: hosts.map((one) => {
            const ref = `${one.site}/${one.host}`;
            return /** @type {[string, string]} */ ([ref, one.label && one.label !== one.host ? `${one.label} (${ref})`
              : ref]);
          }), onChange: (value) => (this.host = value) })}
        <p class="muted">${this.format === "guestwire" ? "The draft becomes what the file says of the host."
          : "What the files name is changed in the draft, the rest of it stays."} The host changes when the draft is
            applied.</p>`}
      ${trouble(this.error)} ${this._mistakes()}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this.busy || !(this._asProject ? site : host)}>${this.busy
          ? "Importing …" : "Import"}</button></footer>
    </form>`;
  }

  /** Every mistake of a document that was refused. */
  _mistakes() {
    const { errors = [] } = /** @type {{errors?: {field: string, message: string}[]}} */ (this.error ?? {});
    if (errors.length < 2) return nothing;
    return html`<ul class="gw-plain">${errors.slice(0, 20).map((one) => html`<li><span class="mono">${one.field}</span>
      ${one.message}</li>`)}</ul>`;
  }

  /**
   * @param {Event} event
   * @param {string} site
   * @param {string} host
   */
  async _take(event, site, host) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      const place = this._asProject ? await this._project(site) : await this._draft(host);
      if (place) this.close(place);
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }

  /** @param {string} site */
  async _project(site) {
    await this.services.api.send("POST", "/projects/import", { body: { name: this.name, site,
      text: this.files[0].text } });
    this.services.say.done(`The project ${this.name} is imported.`);
    return `/projects/${encodeURIComponent(this.name)}`;
  }

  /** @param {string} host */
  async _draft(host) {
    const { api, live, dialogs, say } = this.services;
    if (!host) throw new Error("There is no host to import into: let one in first.");
    const body = { format: this.format, texts: this.files.map((one) => one.text) };
    let draft = live.get("draft", host);
    if (draft && this.format === "guestwire") {
      const text = `The draft of ${host} becomes what the file says. What it has now stays in its history.`;
      if (!(await dialogs.confirmName({ title: "Replace the draft", text, name: host.split("/")[1],
        action: "Import" }))) return "";
    }
    if (!draft && this.format !== "guestwire") draft = (await api.send("POST", `/drafts/${host}/pull`,
      { body: {} })).document;
    const guard = draft ? { ifMatch: draft.revision } : { ifNoneMatch: /** @type {const} */ ("*") };
    await api.send("POST", `/drafts/${host}/import`, { body, ...guard });
    say.done(`Imported into the draft of ${host}.`);
    return `/hosts/${host}`;
  }
}

customElements.define("gw-import-files", ImportFiles);
