/** Templates and images of a host's configuration: what guests are made from. In Config mode they are added, edited and removed. */

import { html, nothing } from "lit";
import { mib } from "../../core/format.js";
import { pathText } from "../../core/edit_paths.js";
import { parts } from "../../core/places.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { away, onlyGuests } from "./away.js";
import { draftForm } from "./draft_form.js";
import { KIND_WORDS } from "./guest_copies.js";
import { HostPart } from "./host_part.js";
import { issueList } from "./issue_list.js";
import { askEntry } from "./new_entry.js";
import { tableHead } from "./table_head.js";

const ELSEWHERE = " They are added in Config mode, or imported from the System Manager's files.";
const ID = /^[A-Za-z0-9_.-]{1,64}$/;
const PATHS = /^(images|templates)(\.|$)/;
const CODES = new Set(["TEMPLATE-TYPE-MISMATCH"]);
const RULE = "1 to 64 letters, digits, _ . and -";

/**
 * @typedef {object} Registry
 * @property {"template" | "image"} noun
 * @property {"templates" | "images"} list
 * @property {string} model
 * @property {string} title
 * @property {[title: string, text: string]} none what is said where there are none
 * @property {string} file the System Manager's file of them
 * @property {readonly string[]} heads
 * @property {(one: any) => unknown[]} cells
 * @property {readonly import("./new_entry.js").Question[]} questions
 * @property {(asked: Record<string, string>) => object} made
 */

/** @type {readonly Registry[]} */
const REGISTRIES = [
  {
    noun: "template", list: "templates", model: "Template", title: "Templates",
    none: ["No templates", "Guests are made of a kind. A template names the kinds of guests that people here choose from."], file: "os.xml",
    heads: ["Kind", "OS type", "Image type", "Folders"],
    cells: (one) => [KIND_WORDS[one.kind ?? "rt"], one.os_type, one.image_type, (one.files ?? []).join(", ") || "–"],
    questions: [{ id: "os_type", label: "OS type", value: "linux" }, { id: "kind", label: "Kind", value: "rt", options: ["rt", "gp_comm", "gp"] },
      { id: "image_type", label: "Image type", value: "linux", hint: "The OS type of the images that fit." }],
    made: ({ os_type, kind, image_type }) => ({ os_type, kind, image_type }),
  },
  {
    noun: "image", list: "images", model: "Image", title: "Images",
    none: ["No images", "Guests boot from their disks. An image is a kernel or a disk on the host that several guests can boot."],
    file: "images.xml",
    heads: ["Format", "OS type", "File", "Least memory"],
    cells: (one) => [one.format ?? "kernel", one.os_type, one.path, one.min_memory_mib ? mib(one.min_memory_mib) : "–"],
    questions: [{ id: "os_type", label: "OS type", value: "linux" }, { id: "path", label: "File on the host", hint: "A path that begins with /." },
      { id: "format", label: "Format", value: "kernel", options: ["kernel", "qcow2", "raw"] }],
    made: ({ os_type, path, format }) => ({ os_type, path, format }),
  },
];

export class HostTemplates extends HostPart {
  static properties = { ...HostPart.properties, _schema: { state: true } };

  constructor() {
    super();
    /** @type {any} */
    this._schema = null;
  }

  connectedCallback() {
    super.connectedCallback();
    void this.services.schema().then((schema) => { this._schema = schema; });
  }

  render() {
    const desired = this.desired;
    if (!desired) return this.waiting();
    if (onlyGuests(this.draft)) return away("Templates and images are");
    const issues = this.config ? this.draft.issues.filter((issue) => PATHS.test(issue.path) || CODES.has(issue.code)) : [];
    return html`<div class="stack">
      ${issueList(issues, "What the rules say of templates and images")}
      ${REGISTRIES.map((registry) => this._registry(registry, desired))}
      ${cli(this.services, `guestwire template list ${this.params.host}`)}</div>`;
  }

  /**
   * @param {Registry} registry
   * @param {any} desired
   */
  _registry(registry, desired) {
    const entries = desired[registry.list] ?? [];
    const [list, name] = parts(this.query.get("field") ?? "");
    const wanted = this.query.get(registry.noun) ?? (list === registry.list ? name : "");
    const chosen = entries.find((/** @type {any} */ one) => one.id === wanted);
    return html`<section class="panel"><div class="toolbar"><h2>${registry.title}</h2><span class="fill"></span>
        ${this.editable ? html`<button type="button" class="button"
          @click=${() => this._add(registry, entries)}>Add ${registry.noun}</button>` : nothing}</div>
      ${entries.length ? html`<div class="scroll-x"><table class="table"><caption class="sr">${registry.title}</caption>
        ${tableHead(["Identifier", "Name", ...registry.heads], { actions: true })}
        <tbody>${entries.map((/** @type {any} */ one) => this._row(registry, one, one === chosen))}</tbody></table></div>`
        : empty({ title: registry.none[0], text: `${registry.none[1]}${this.editable ? "" : ELSEWHERE}`,
          cli: cli(this.services, `guestwire template import ${registry.file} ${this.params.host}`) })}
      ${chosen ? html`<h3>${registry.title.slice(0, -1)} ${chosen.id}</h3>${draftForm({
        schema: this._schema, model: registry.model, draft: this.draft, at: [registry.noun, chosen.id], value: chosen,
        editable: this.editable, compare: this.config, only: undefined })}` : nothing}</section>`;
  }

  /**
   * @param {Registry} registry
   * @param {any} one
   * @param {boolean} open
   */
  _row(registry, one, open) {
    const { router } = this.services;
    const place = pathText([registry.noun, one.id]);
    const changed = this.config && this.draft.changed(place);
    return html`<tr class=${changed ? (this.draft.before(place) ? "changed" : "added") : ""}>
      <th scope="row"><a href=${router.href(router.path, { [registry.noun]: open ? null : one.id, field: null })}
          aria-expanded=${open ? "true" : "false"}>${one.id}</a>
        ${changed ? html`<span class="muted"> ${this.draft.before(place) ? "changed" : "new"}</span>` : nothing}</th><td>${one.name || "–"}</td>
      ${registry.cells(one).map((cell) => html`<td>${cell}</td>`)}
      <td>${this.editable ? html`<button type="button" class="button quiet" aria-label="Remove ${registry.noun} ${one.id}"
        @click=${() => this._remove(registry, one.id)}>Remove</button>` : nothing}</td></tr>`;
  }

  /**
   * @param {Registry} registry
   * @param {any[]} entries
   */
  async _add(registry, entries) {
    const asked = await askEntry(this.services, {
      title: `Add ${registry.noun === "image" ? "an image" : "a template"}`, action: "Add to draft", name: "Identifier",
      taken: entries.map((one) => one.id), pattern: ID, rule: RULE, more: registry.questions,
    });
    if (!asked) return;
    this.draft.edit([{ op: "add", path: pathText([registry.noun, asked.name]), value: registry.made(asked) }]);
    this.services.router.set({ [registry.noun]: asked.name });
  }

  /**
   * @param {Registry} registry
   * @param {string} id
   */
  async _remove(registry, id) {
    const sure = await this.services.dialogs.confirmName({
      title: `Remove ${registry.noun} ${id}`, name: id, action: "Remove from draft",
      text: "Guests that were made from it keep what they have. No file is removed.",
    });
    if (sure) this.draft.edit([{ op: "remove", path: pathText([registry.noun, id]) }]);
  }
}
customElements.define("gw-host-templates", HostTemplates);
