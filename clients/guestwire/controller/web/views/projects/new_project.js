/**
 * The dialog that makes a project: of drafts as they are now, of an example, or empty. Files are import_project.js's.
 */

import { html, nothing } from "lit";
import { Part } from "../../parts/part.js";
import { selectField, textField } from "../../parts/field.js";
import { hostsOfSite, sitesOf } from "./hosts_of_site.js";
import { Loading } from "../../parts/loading.js";
import { fieldTrouble, trouble } from "../../parts/trouble.js";

/** @typedef {import("../../core/services.js").Services} Services */
/** @typedef {import("../../types/api.js").components["schemas"]["ExampleList"]} ExampleList */
/** @typedef {"drafts" | "example" | "empty"} Beginning */

/** @type {readonly {value: Beginning, label: string}[]} */
const BEGINNINGS = [
  { value: "drafts", label: "Hosts, as their drafts are now" },
  { value: "example", label: "An example" },
  { value: "empty", label: "Nothing yet" },
];

/**
 * Ask for a new project, make it, and go there.
 * @param {Services} services
 */
export async function newProject(services) {
  const name = await services.dialogs.open(
    (close) => html`<gw-new-project .services=${services} .close=${close}></gw-new-project>`, { title: "New project" },
  );
  if (typeof name === "string") services.router.go(`/projects/${encodeURIComponent(name)}`);
}

export class NewProject extends Part {
  static properties = {
    ...Part.properties, close: { attribute: false }, name: { state: true }, title_text: { state: true },
      site: { state: true },
    beginning: { state: true }, chosen: { state: true }, example: { state: true }, host: { state: true },
    busy: { state: true }, error: { state: true },
  };

  constructor() {
    super();
    this.follow("host", "draft");
    /** @type {(name?: string) => void} */
    this.close = () => {};
    this.name = "";
    this.title_text = "";
    this.site = "";
    /** @type {Beginning} */
    this.beginning = "drafts";
    /** @type {ReadonlySet<string>} */
    this.chosen = new Set();
    this.example = "";
    this.host = "";
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
    /** @type {Loading<ExampleList>} */
    this.examples = new Loading(this, (signal) => this.services.api.get("/projects/examples", {}, signal));
  }

  render() {
    const sites = sitesOf(this.services.live);
    const site = this.site || sites[0] || "";
    return html`<form @submit=${(/** @type {Event} */ event) => this._make(event, site)}>
      <div class="dialog-body stack">
      ${textField({ id: "gw-new-project-name", label: "Name", value: this.name, required: true,
        hint: "Letters, digits, dot, hyphen and underscore.", error: fieldTrouble(this.error, "name"),
        onInput: (value) => (this.name = value) })}
      ${textField({ id: "gw-new-project-title", label: "Title", value: this.title_text,
        hint: "What it is for. May stay empty.",
        onInput: (value) => (this.title_text = value) })}
      ${sites.length > 1 ? selectField({ id: "gw-new-project-site", label: "Site", value: site,
        options: sites,
        onChange: (value) => { this.site = value; this.chosen = new Set(); } }) : nothing}
      <fieldset>
        <legend>Begin with</legend>
        ${BEGINNINGS.map((one) => html`<label class="row"><input type="radio" name="gw-new-project-from"
          .value=${one.value}
          .checked=${this.beginning === one.value} @change=${() => (this.beginning = one.value)}>
            ${one.label}</label>`)}
      </fieldset>
      ${this.beginning === "drafts" ? this._hosts(site) : this.beginning === "example" ? this._example() : nothing}
      ${trouble(this.error)}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${this.busy || !site}>${this.busy ? "Making it …"
          : "Make the project"}</button></footer>
    </form>`;
  }

  /** @param {string} site */
  _hosts(site) {
    const hosts = hostsOfSite(this.services.live, site);
    return html`<fieldset>
      <legend>Hosts</legend>
      ${hosts.length ? hosts.map((one) => html`<label class="row">
          <input type="checkbox" .checked=${this.chosen.has(one.host)}
            @change=${(/** @type {Event} */ event) => this._choose(one.host,
              /** @type {HTMLInputElement} */ (event.target).checked)}>
          <span>${one.label || one.host}</span>
          <span class="muted">${this.services.live.get("draft", `${site}/${one.host}`) ? "has a draft"
            : "no draft yet: begins as the host is"}</span>
        </label>`) : html`<p class="muted">This site has no hosts that were let in.</p>`}
    </fieldset>`;
  }

  _example() {
    const items = this.examples.document?.items ?? [];
    const example = this.example || items[0]?.name || "";
    return html`${trouble(this.examples.error, () => void this.examples.again())}
      ${selectField({ id: "gw-new-project-example", label: "Example", value: example,
        options: items.map((one) => [one.name, `${one.name}: ${one.summary}`]),
        onChange: (value) => (this.example = value) })}
      ${textField({ id: "gw-new-project-host", label: "Host in the project", value: this.host || "h1",
        hint: "a to z, 0 to 9 and hyphen.", onInput: (value) => (this.host = value) })}`;
  }

  /**
   * @param {string} host
   * @param {boolean} on
   */
  _choose(host, on) {
    const chosen = new Set(this.chosen);
    if (on) chosen.add(host);
    else chosen.delete(host);
    this.chosen = chosen;
  }

  /**
   * @param {Event} event
   * @param {string} site
   */
  async _make(event, site) {
    event.preventDefault();
    this.busy = true;
    this.error = null;
    try {
      const body = { site, ...(await this._content(site)) };
      await this.services.api.send("PUT", `/projects/${encodeURIComponent(this.name)}`, { body, ifNoneMatch: "*" });
      this.services.say.done(`The project ${this.name} is saved.`);
      this.close(this.name);
    } catch (error) {
      this.error = error;
    }
    this.busy = false;
  }

  /**
   * What the project is made of.
   * @param {string} site
   * @returns {Promise<object>}
   */
  async _content(site) {
    const { api, live } = this.services;
    if (this.beginning === "drafts") {
      const drafts = [...this.chosen];
      if (!drafts.length) throw new Error("Choose a host at least, or begin with nothing.");
      for (const host of drafts) {
        if (!live.get("draft", `${site}/${host}`)) await api.send("POST", `/drafts/${site}/${host}/pull`, { body: {} });
      }
      return { drafts, title: this.title_text };
    }
    const title = this.title_text ? `name = ${JSON.stringify(this.title_text)}\n` : "";
    if (this.beginning === "empty") return { text: `schema = 1\n${title}` };
    const example = this.example || this.examples.document?.items[0]?.name || "";
    const found = await api.get(`/projects/examples/${example}`, { host: this.host || "h1" });
    return { text: titled(found.text, title) };
  }
}

/**
 * A project file with another title.
 * @param {string} text
 * @param {string} line the title's line, or empty
 */
export function titled(text, line) {
  if (!line) return text;
  const said = /^name[ \t]*=.*$\n?/m;
  const head = text.search(/^\s*\[/m);
  const top = head < 0 ? text : text.slice(0, head);
  const rest = head < 0 ? "" : text.slice(head);
  return said.test(top) ? top.replace(said, () => line) + rest : top.replace(/^schema[ \t]*=.*$\n?/m, (found) => found
    + line) + rest;
}

customElements.define("gw-new-project", NewProject);
