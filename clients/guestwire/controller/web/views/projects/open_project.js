/** Opens a project: which of its hosts become whose drafts, what that would do, and then does it. */

import { html, nothing } from "lit";
import { live as shown } from "lit/directives/live.js";
import { Part } from "../../parts/part.js";
import { hostsOfSite } from "./hosts_of_site.js";
import { destroys, openedPreview, overwrites, whyAsked } from "./opened.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ProjectShown"]} ProjectShown */
/** @typedef {import("../../types/api.js").components["schemas"]["Opened"]} Opened */

export class OpenProject extends Part {
  static properties = {
    ...Part.properties, project: { attribute: false }, targets: { state: true }, drafts: { state: true },
      busy: { state: true },
    error: { state: true },
  };

  constructor() {
    super();
    this.follow("host");
    /** @type {ProjectShown | null} */
    this.project = null;
    /** Whose draft each host of the project becomes; "": it is left out. @type {Record<string, string>} */
    this.targets = {};
    /** What opening would do; null: not asked. @type {readonly Opened[] | null} */
    this.drafts = null;
    this.busy = false;
    /** @type {unknown} */
    this.error = null;
    this._asked = 0;
  }

  connectedCallback() {
    super.connectedCallback();
    if (!this.project) return;
    const there = new Set(hostsOfSite(this.services.live, this.project.site).map((one) => one.host));
    this.targets = Object.fromEntries((this.project.content ?? []).map(({ host }) =>
      [host, there.has(host) ? `${this.project?.site}/${host}` : ""]));
    void this._preview();
  }

  render() {
    const { project } = this;
    if (!project) return nothing;
    const hosts = hostsOfSite(this.services.live);
    const content = project.content ?? [];
    if (!content.length) return html`<p>The project has no hosts: there is nothing to open. Save drafts into it
      first.</p>`;
    return html`<div class="stack">
      <p>Opening makes drafts of the project. Nothing changes on a host before its draft is applied.</p>
      <table class="table">
        <caption class="sr">Whose draft each host of the project becomes</caption>
        <thead><tr><th scope="col">In the project</th><th scope="col">Guests</th><th
          scope="col">Becomes the draft of</th></tr></thead>
        <tbody>${content.map((one) => html`<tr>
          <th scope="row">${one.host}</th>
          <td>${(one.guests ?? []).join(", ") || "none"}</td>
          <td><select aria-label="Becomes the draft of, for ${one.host}" @change=${(/** @type {Event} */ event) =>
            this._aim(one.host, /** @type {HTMLSelectElement} */ (event.target).value)}>
            <option value="" .selected=${shown(!this.targets[one.host])}>nobody: left out</option>
            ${hosts.map((host) => {
              const ref = `${host.site}/${host.host}`;
              return html`<option value=${ref} .selected=${shown(this.targets[one.host] === ref)}>${
                host.label && host.label !== host.host ? `${host.label} (${ref})` : ref}</option>`;
            })}
          </select></td>
        </tr>`)}</tbody>
      </table>
      ${trouble(this.error, () => void this._preview())}
      <div aria-live="polite">${this.drafts ? html`<h2>What this would do</h2>${openedPreview(this.drafts)}`
        : this.busy ? html`<p class="muted">Looking what this would do …</p>` : nothing}</div>
      <div class="toolbar">
        <button type="button" class="button primary" ?disabled=${this.busy || !this.drafts?.length}
          @click=${() => void this._open()}>
          Open the project</button>
        ${this._chosen() ? nothing : html`<span class="muted">Choose a host at least.</span>`}
      </div>
    </div>`;
  }

  _chosen() {
    return Object.values(this.targets).filter(Boolean).length;
  }

  _hosts() {
    return Object.fromEntries(Object.entries(this.targets).filter(([, target]) => target));
  }

  /**
   * @param {string} host
   * @param {string} target
   */
  _aim(host, target) {
    this.targets = { ...this.targets, [host]: target };
    void this._preview();
  }

  async _preview() {
    const turn = ++this._asked;
    this.drafts = null;
    this.error = null;
    if (!this._chosen()) return;
    this.busy = true;
    try {
      const { document } = await this._send({ hosts: this._hosts(), preview: true });
      if (turn === this._asked) this.drafts = document.drafts ?? [];
    } catch (error) {
      if (turn === this._asked) this.error = error;
    }
    if (turn === this._asked) this.busy = false;
  }

  async _open() {
    const { dialogs, say, router } = this.services;
    /** @type {readonly Opened[]} */
    const drafts = this.drafts ?? [];
    const name = this.project?.name ?? "";
    if (destroys(drafts)
      && !(await dialogs.confirmName({ title: "Open the project", text: whyAsked(drafts), name,
        action: "Open" }))) return;
    this.busy = true;
    try {
      const { document } = await this._send({ hosts: this._hosts(), overwrite: overwrites(drafts), preview: false });
      say.done(`The project ${name} is open.`);
      const [first] = document.drafts ?? [];
      if (first) router.go(`/hosts/${first.target}`, { mode: "config" });
    } catch (error) {
      await this._preview();
      this.error = error;
    }
    this.busy = false;
  }

  /** @param {object} body */
  _send(body) {
    return this.services.api.send("POST", `/projects/${encodeURIComponent(this.project?.name ?? "")}/open`, { body });
  }
}

customElements.define("gw-project-open", OpenProject);
