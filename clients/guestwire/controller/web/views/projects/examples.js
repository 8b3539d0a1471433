/** The examples to begin with: what they are, and opening one as the draft of a host. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { cli } from "../../parts/cli.js";
import { selectField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { hostsOfSite } from "./hosts_of_site.js";
import { Loading } from "../../parts/loading.js";
import { openedPreview, overwrites, whyAsked } from "./opened.js";
import { saveFile } from "../../parts/save_file.js";
import { trouble } from "../../parts/trouble.js";

/** @typedef {import("../../types/api.js").components["schemas"]["ExampleShown"]} ExampleShown */
/** @typedef {import("../../types/api.js").components["schemas"]["Opened"]} Opened */

export class Examples extends Part {
  static properties = { ...Part.properties, drafts: { state: true }, error: { state: true }, busy: { state: true } };

  constructor() {
    super();
    this.follow("host", "draft");
    /** @type {Loading<{items: ExampleShown[]}>} */
    this.examples = new Loading(this, (signal) => this.services.api.get("/projects/examples", {}, signal));
    /** What opening the chosen one would do; null: not asked. @type {readonly Opened[] | null} */
    this.drafts = null;
    /** @type {unknown} */
    this.error = null;
    this.busy = false;
    this._asked = "";
  }

  get _host() {
    return this.query.get("host") ?? "";
  }

  get _example() {
    return this.query.get("example") ?? "";
  }

  render() {
    const items = this.examples.document?.items ?? [];
    return html`<section class="gw-examples stack">
      <h1>Examples</h1>
      <p class="muted">Configurations to begin with. Opening one makes it the draft of a host: the host changes when the
        draft is
        applied, and the plan then says which guests go.</p>
      ${trouble(this.examples.error, () => void this.examples.again())}
      <ul class="gw-cards">${items.map((one) => this._card(one))}</ul>
      ${this._opening()}
    </section>`;
  }

  /** @param {ExampleShown} one */
  _card(one) {
    const chosen = this._example === one.name;
    return html`<li class="panel stack">
      <h2>${one.name}</h2>
      <p>${one.summary}</p>
      <p class="muted">Guests: ${(one.guests ?? []).join(", ") || "none"}</p>
      <div class="toolbar">
        <button type="button" class="button ${chosen ? "" : "primary"}" aria-expanded=${chosen}
          aria-label=${`${chosen ? "Close" : "Open on a host"}: ${one.name}`}
          @click=${() => this._choose({ example: chosen ? null : one.name })}>${chosen ? "Close"
            : "Open on a host"}</button>
        <button type="button" class="button quiet" aria-label="Download: ${one.name}"
          @click=${() => void this._download(one.name)}>Download</button>
      </div>
    </li>`;
  }

  _opening() {
    if (!this._example) return nothing;
    const hosts = hostsOfSite(this.services.live);
    return html`<section class="panel stack" aria-labelledby="gw-examples-open">
      <h2 id="gw-examples-open">Open ${this._example}</h2>
      ${hosts.length ? selectField({ id: "gw-examples-host", label: "As the draft of", value: this._host,
        options: [["", "choose a host"], ...hosts.map((one) => {
          const ref = `${one.site}/${one.host}`;
          return /** @type {[string, string]} */ ([ref, one.label && one.label !== one.host ? `${one.label} (${ref})`
            : ref]);
        })], onChange: (value) => this._choose({ host: value || null }) })
        : html`<p>There is no host that was let in. <a href=${this.services.router.href("/welcome")}>Connect one
          first.</a></p>`}
      ${trouble(this.error)}
      <div aria-live="polite">${this.drafts ? openedPreview(this.drafts)
        : this.busy ? html`<p class="muted">Looking what this would do …</p>` : nothing}</div>
      <div class="toolbar">
        <button type="button" class="button primary" ?disabled=${!this.drafts || this.busy
          || !this.services.session.may("draft-edit", this._host)}
          @click=${() => void this._open()}>Open as the draft</button>
      </div>
      ${this.drafts ? cli(this.services, line`guestwire example open ${this._example} ${this._host.split("/")[1]}`)
        : nothing}
    </section>`;
  }

  updated() {
    const asked = this._example && this._host ? `${this._example} ${this._host}` : "";
    if (asked !== this._asked) {
      this._asked = asked;
      void this._preview(asked);
    }
  }

  /** @param {Record<string, string | null>} words */
  _choose(words) {
    this.services.router.set(words);
  }

  /** @param {string} asked */
  async _preview(asked) {
    this.drafts = null;
    this.error = null;
    if (!asked) return;
    this.busy = true;
    try {
      const { document } = await this._send({ host: this._host, preview: true });
      if (asked === this._asked) this.drafts = document.drafts ?? [];
    } catch (error) {
      if (asked === this._asked) this.error = error;
    }
    this.busy = false;
  }

  async _open() {
    const { dialogs, live, say, router } = this.services;
    /** @type {readonly Opened[]} */
    const drafts = this.drafts ?? [];
    const host = this._host;
    const guests = live.get("host", host)?.guests ?? 0;
    if (guests || drafts.some((one) => one.draft_revision)) {
      const text = `The example replaces the configuration of ${host}${guests ? `, which has ${guests} guests now`
        : ""}. ${whyAsked(drafts)}`;
      if (!(await dialogs.confirmName({ title: `Open ${this._example}`, text, name: host.split("/")[1],
        action: "Open" }))) return;
    }
    try {
      await this._send({ host, overwrite: overwrites(drafts)[host] ?? null, preview: false });
      say.done(`The draft of ${host} is the example ${this._example}.`);
      router.go(`/hosts/${host}`, { mode: "config" });
    } catch (error) {
      await this._preview(this._asked);
      this.error = error;
    }
  }

  /** @param {object} body */
  _send(body) {
    return this.services.api.send("POST", `/projects/examples/${this._example}/open`, { body });
  }

  /** @param {string} name */
  async _download(name) {
    try {
      const { text } = await this.services.api.get(`/projects/examples/${name}`, { host: this._host.split("/")[1]
        || "h1" });
      saveFile(`${name}.toml`, text, "application/toml");
    } catch (error) {
      this.services.say.problem(error);
    }
  }
}

customElements.define("gw-examples", Examples);
