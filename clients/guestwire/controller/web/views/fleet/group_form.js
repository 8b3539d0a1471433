/** A group made or edited: its name, its selection with what it finds now, what it is for. */

import { html } from "lit";
import { Part } from "../../parts/part.js";
import { cli } from "../../parts/cli.js";
import { textField } from "../../parts/field.js";
import { counted } from "../../core/format.js";
import { Problem } from "../../core/problem.js";
import { word } from "../../core/command_line.js";
import { FoundHosts } from "./found_hosts.js";
import { hostKey } from "./host_columns.js";

/** @typedef {import("../../types/api.js").components["schemas"]["Group"]} Group */

const NAMED = 12;
const NAME = /^[a-z0-9-]{1,36}$/;

/**
 * @param {import("../../core/services.js").Services} services
 * @param {Group | null} group null: a new one
 * @param {string} [selection] what a new one begins with
 */
export function editGroup(services, group, selection = "") {
  void services.dialogs.open((/** @type {any} */ close) => html`<gw-group-form .services=${services} .group=${group} .selection=${selection}
    .close=${close}></gw-group-form>`, { title: group ? `Group ${group.name}` : "New group" });
}

export class GroupForm extends Part {
  static properties = {
    ...Part.properties, group: { attribute: false }, selection: { attribute: false }, close: { attribute: false },
    _form: { state: true }, _problem: { state: true }, _busy: { state: true },
  };

  constructor() {
    super();
    /** @type {Group | null} */
    this.group = null;
    this.selection = "";
    /** @type {(done?: boolean) => void} */
    this.close = () => {};
    this._form = { name: "", selection: "", description: "" };
    /** @type {Problem | null} */
    this._problem = null;
    this._busy = false;
  }

  connectedCallback() {
    super.connectedCallback();
    const { name = "", selection = this.selection, description = "" } = this.group ?? {};
    this._form = { name, selection, description };
    this._found = new FoundHosts(this.services.api, this.services.live);
    this._found.begin();
    this._found.find(selection);
    this.until(() => this._found?.end());
    this.watch(this._found);
  }

  render() {
    const { name, selection, description } = this._form;
    const badName = name && !NAME.test(name) ? "Small letters, digits and hyphens, at most 36." : "";
    const found = /** @type {FoundHosts} */ (this._found);
    return html`<form @submit=${(/** @type {Event} */ event) => { event.preventDefault(); void this._save(); }}>
      <div class="dialog-body stack">
        ${textField({ id: "gw-group-name", label: "Name", value: name, error: badName, disabled: this.group !== null,
          hint: this.group ? "A group keeps its name." : undefined, onInput: this._set("name") })}
        ${textField({ id: "gw-group-selection", label: "Selection", value: selection, error: found.problem?.message,
          hint: "As site=plant label.line=3, or words.", onInput: this._set("selection") })}
        <p role="status">${this._finds()}</p>
        ${textField({ id: "gw-group-description", label: "What it is for", value: description, onInput: this._set("description") })}
        ${this._problem ? html`<p class="issue e" role="alert">✕ ${this._problem.message}</p>` : ""}
        ${cli(this.services, [
          `guestwire fleet group put ${word(name || "NAME")} ${word(selection || "SELECTION")}`,
          description ? `--description ${word(description)}` : "",
        ].filter(Boolean).join(" "))}
      </div>
      <footer><button type="button" class="button" @click=${() => this.close()}>Cancel</button>
        <button class="button primary" ?disabled=${!NAME.test(name) || !selection.trim() || Boolean(found.problem) || this._busy}>
          Save the group</button></footer>
    </form>`;
  }

  _finds() {
    const found = /** @type {FoundHosts} */ (this._found);
    if (!this._form.selection.trim() || found.problem) return "";
    if (found.asking) return "Asking the controller…";
    const keys = found.hosts.map(hostKey);
    const named = keys.slice(0, NAMED).join(", ") + (keys.length > NAMED ? " and others" : "");
    return `It has ${counted(keys.length, "host")} now${named ? `: ${named}` : ""}.`;
  }

  /** @param {"name" | "selection" | "description"} name */
  _set(name) {
    return (/** @type {string} */ value) => {
      this._form = { ...this._form, [name]: value };
      this._problem = null;
      if (name === "selection") this._found?.find(value);
    };
  }

  async _save() {
    const { api, say } = this.services;
    const { name, selection, description } = this._form;
    this._busy = true;
    try {
      if (this.group) await api.send("PUT", `/groups/${name}`, { body: { selection, description }, ifMatch: this.group.revision });
      else await api.send("POST", "/groups", { body: { name, selection, description } });
      say.done(`The group ${name} is saved.`);
      this.close(true);
    } catch (error) {
      if (error instanceof Problem) this._problem = error;
      else throw error;
    } finally {
      this._busy = false;
    }
  }
}

customElements.define("gw-group-form", GroupForm);
