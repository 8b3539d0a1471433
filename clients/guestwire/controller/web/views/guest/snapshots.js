/** The snapshots of a guest's disks: list, create, revert, delete. */

import { html, nothing } from "lit";
import { line } from "../../core/command_line.js";
import { time } from "../../core/format.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { textField } from "../../parts/field.js";
import { Part } from "../../parts/part.js";
import { again } from "./name_dialog.js";

const NAME = /^[A-Za-z0-9_.-]{1,64}$/;

export class GuestSnapshots extends Part {
  static properties = {
    ...Part.properties, host: {}, guest: {}, state: {}, _all: { state: true }, _problem: { state: true },
  };

  constructor() {
    super();
    this.host = "";
    this.guest = "";
    this.state = "";
    /** @type {{name: string, at: number, disks: number}[] | null} */
    this._all = null;
    /** @type {import("../../core/problem.js").Problem | null} */
    this._problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this._read();
    // a snapshot that somebody else made is a job of theirs
    this.until(this.services.live.on("job", (changes) => {
      if (changes.some((one) => one.document?.finished && one.document.host === this.host &&
        one.document.operation.startsWith("snapshot-"))) void this._read();
    }));
  }

  async _read() {
    try {
      this._all = (await this.services.api.operation(this.host, "snapshot-list", { guest: this.guest })).snapshots;
      this._problem = null;
    } catch (error) {
      this._problem = /** @type {any} */ (error);
    }
  }

  get _line() {
    return line`guestwire guest snapshot list ${this.host.split("/")[1]}/${this.guest}`;
  }

  /** Why snapshots cannot be changed now; empty: they can. @param {string} operation */
  _why(operation) {
    if (!this.services.session.may(operation, this.host)) return "Your role does not allow this.";
    return this.state === "stopped" ? "" : "Only while the guest is stopped.";
  }

  render() {
    const why = this._why("snapshot-create");
    return html`<section class="panel stack" aria-labelledby="gw-guest-snapshots">
      <div class="toolbar"><h2 id="gw-guest-snapshots">Snapshots</h2><span class="fill"></span>
        ${this._button("Create …", "", why, () => this._create())}</div>
      ${this._content()}</section>`;
  }

  _content() {
    if (this._problem) return html`<p class="muted">Snapshots cannot be read: ${this._problem.message}</p>`;
    if (!this._all) return html`<p class="muted" role="status">Reading …</p>`;
    if (!this._all.length) {
      return empty({ title: "No snapshots", text: "A snapshot keeps what a stopped guest's disks hold, to go back to.",
        cli: cli(this.services, this._line.replace("list", "create") + " NAME") });
    }
    return html`<table class="table"><caption class="sr">Snapshots of ${this.guest}</caption>
      <thead><tr><th scope="col">Name</th><th scope="col">Made</th><th scope="col" class="end">Disks</th><th
        scope="col"><span class="sr">Actions</span></th></tr></thead>
      <tbody>${this._all.map((one) => html`<tr><th scope="row">${one.name}</th><td>${time(one.at)}</td><td
        class="end num">${one.disks}</td>
        <td class="row">${this._button("Revert …", one.name, this._why("snapshot-revert"), () =>
          this._typed("revert", one.name))}
          ${this._button("Delete …", one.name, this._why("snapshot-delete"), () =>
            this._typed("delete", one.name))}</td></tr>`)}</tbody></table>`;
  }

  /**
   * @param {string} label
   * @param {string} of
   * @param {string} why
   * @param {() => void} run
   */
  _button(label, of, why, run) {
    return html`<button type="button" class="button" aria-disabled=${why ? "true" : nothing} title=${why || nothing}
      aria-label=${of ? `${label.replace(" …", "")} ${of}${why ? `: ${why}` : ""}` : nothing}
      @click=${() => (why ? this.services.say.info(why) : run())}>${label}</button>`;
  }

  async _create() {
    let name = "";
    let tried = false;
    const given = await this.services.dialogs.open((close) => html`<form @submit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      tried = true;
      if (NAME.test(name)) close(name);
      else again(event);
    }}>
      <div class="dialog-body stack"><p>What the disks of ${this.guest} hold now is kept under this name.</p>
        ${textField({ id: "gw-guest-snapshot-name", label: "Name", value: name, hint:
          "1 to 64 letters, digits, _ . and -",
          error: tried && !NAME.test(name) ? "Allowed: 1 to 64 letters, digits, _ . and -." : "", onInput: (typed) =>
            { name = typed; } })}</div>
      <footer><button type="button" class="button" @click=${() => close()}>Cancel</button><button
        class="button primary">Create</button></footer>
    </form>`, { title: "Create a snapshot" });
    if (given) await this._order("snapshot-create", given);
  }

  /**
   * @param {"revert" | "delete"} verb
   * @param {string} name
   */
  async _typed(verb, name) {
    const text = verb === "revert"
      ? `The disks of ${this.guest} are put back to ${name}: what was written since is lost.`
      : `${name} is forgotten; the disks stay as they are.`;
    const sure = await this.services.dialogs.confirmName({
      title: verb === "revert" ? "Revert to a snapshot" : "Delete a snapshot", text, name, action: verb === "revert" ?
        "Revert" : "Delete",
    });
    if (sure) await this._order(`snapshot-${verb}`, name);
  }

  /**
   * @param {string} operation
   * @param {string} name
   */
  async _order(operation, name) {
    await this.services.jobs.order({ operation, hosts: [this.host], body: { guest: this.guest, name } });
  }
}

customElements.define("gw-guest-snapshots", GuestSnapshots);
