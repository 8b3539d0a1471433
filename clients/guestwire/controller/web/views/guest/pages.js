/**
 * What the pages of a host, and those of one of its guests, are: which host it is, what it has, what it shall be, who
 * may edit.
 */

import { html } from "lit";
import { pathText } from "../../core/edit_paths.js";
import { definition } from "../../core/schema.js";
import { cli } from "../../parts/cli.js";
import { empty } from "../../parts/empty.js";
import { Part } from "../../parts/part.js";
import { isOfMachine, usbAddress } from "../host/device_words.js";

/** @typedef {import("../../core/draft.js").Draft} Draft */
/** @typedef {import("../../core/edit_paths.js").Edit} Edit */

/** A page of a host: shows again when the host, its draft or its state changes. */
export class HostPage extends Part {
  static properties = { ...Part.properties, root: { state: true } };

  constructor() {
    super();
    /** The JSON Schema of what a host shall be; null: not here yet. @type {any} */
    this.root = null;
    /** @type {Map<string, import("../../core/schema.js").Node>} */
    this._schemas = new Map();
  }

  connectedCallback() {
    super.connectedCallback();
    this.watch(this.draft);
    this.watch(this.data);
    this.services.schema().then((/** @type {any} */ root) => { this.root = root; }, (/** @type {unknown} */ error) =>
      this.services.say.problem(error));
  }

  /** The host as "site/host". */
  get host() {
    return `${this.params.site}/${this.params.host}`;
  }

  /** The host as the command line names it. */
  get short() {
    return this.params.host;
  }

  get data() {
    return this.services.hosts.of(this.host);
  }

  /** @returns {Draft} */
  get draft() {
    return this.services.drafts.of(this.host);
  }

  /** What is shown: the draft in Config mode, else what the host has. @returns {any} */
  get desired() {
    return this.draft.shown;
  }

  get config() {
    return this.services.router.mode === "config";
  }

  /** Whether what is shown can be edited here and now. */
  get editing() {
    return this.config && this.draft.loaded && this.services.session.may("draft-edit", this.host);
  }

  /**
   * The schema of one of Desired's definitions, the same object each time; null: it is not here yet.
   * @param {string} name "Guest"
   */
  schemaOf(name) {
    if (!this.root) return null;
    const found = this._schemas.get(name) ?? definition(this.root, name);
    this._schemas.set(name, found);
    return found;
  }

  /** @param {Edit[]} edits */
  edit(...edits) {
    this.draft.edit(edits);
  }

  /** What stands where nothing is known yet, or why nothing can be. */
  waiting() {
    const problem = this.draft.problem ?? this.data.error;
    if (problem && !this.desired) {
      return empty({ title: "The host's configuration cannot be read", text: problem.message,
        cli: cli(this.services, `guestwire project show ${this.short}`) });
    }
    return html`<p class="muted" role="status">Reading the host's configuration …</p>`;
  }
}

/** A page of a guest. */
export class GuestPage extends HostPage {
  /** The guest's name. */
  get name() {
    return this.params.guest;
  }

  /**
   * The guest as it is shown: of the draft in Config mode, else of the host; undefined: there is none. @returns {any}
   */
  get guest() {
    return this.desired?.guests.find((/** @type {any} */ one) => one.name === this.name);
  }

  /** How the host says that the guest is; undefined: the host has no such guest. */
  get status() {
    return this.data.guest(this.name);
  }

  /**
   * The path of something of the guest in edits.
   * @param {string[]} keys
   */
  path(...keys) {
    return pathText(["guest", this.name, ...keys]);
  }

  /** What stands where the guest does not exist (any more), or is not known yet. */
  missing() {
    if (!this.desired) return this.waiting();
    const { router } = this.services;
    return empty({
      title: `There is no guest ${this.name} here`,
      text: this.config ? "The draft does not have it: it was removed or renamed." :
        "The host does not have it: a new guest is there after Sync.",
      cli: cli(this.services, `guestwire guest list ${this.short}`),
      action: html`<a class="button" href=${router.hostHref(this.host, "/guests")}>All guests of the host</a>`,
    });
  }

  /** Where issues say that the guest is. */
  get place() {
    return pathText(["guests", this.name]);
  }

  /** What a form of the guest's fields is given beside its schema and value. */
  get formTools() {
    const { draft } = this;
    const isNew = draft.before(this.path()) === undefined; // then all of it is new, and the heading says so
    return {
      changed: (/** @type {string} */ field) => this.config && !isNew && draft.changed(this.path(field)),
      before: (/** @type {string} */ field) => draft.before(this.path(field)),
      issues: (/** @type {string} */ field) => (this.config ? draft.issuesAt(this.path(field)) : []),
      offers: {
        network: names(this.desired?.networks), image: (this.desired?.images ?? []).map((/** @type {any} */ one) =>
          one.id),
        devices: freeDevices(this), os_type: ["linux", "windows", "rtos32", "vxworks"],
      },
    };
  }

  /** @param {CustomEvent<import("../../parts/form.js").FormEdit>} event of a form of the guest's fields */
  takeEdit(event) {
    this.edit({ ...event.detail, path: this.path(event.detail.path) });
  }
}

/** @param {{name: string}[] | undefined} all */
function names(all) {
  return (all ?? []).map((one) => one.name);
}

/**
 * Addresses of the host's devices that no guest has, and that one can have: PCI, then USB.
 * @param {GuestPage} page
 * @returns {string[]}
 */
export function freeDevices(page) {
  const taken = new Set((page.desired?.guests ?? []).flatMap((/** @type {any} */ one) => one.devices ?? []));
  const { devices = [], usb = [] } = page.data.inventory?.topology ?? {};
  const pci = devices.filter((/** @type {any} */ one) => !isOfMachine(one))
    .map((/** @type {any} */ one) => one.address);
  return [...new Set([...pci, ...usb.map(usbAddress)])].filter((one) => !taken.has(one));
}

/**
 * What a guest's `ready_when` must be to hold together: a text belongs to the console, and only to it.
 * @param {string} field
 * @param {any} value
 */
export function adjusted(field, value) {
  if (field !== "ready_when" || !value) return value;
  if (value.by !== "console_text") return { ...value, text: null };
  return value.text ? value : { ...value, text: "login:" };
}
