/**
 * One host's draft: what it shall be, as people edit it. An edit is seen at once, then sent; what others change meanwhile elsewhere is put
 * together with it, and where both changed the same it is a conflict, which somebody settles.
 */

import { at, edited, pathText, parts, same, undoing } from "./edit_paths.js";

/** @typedef {import("./edit_paths.js").Edit} Edit */
/** @typedef {import("../types/api.js").components["schemas"]["Issue"]} Issue */
/** @typedef {import("../types/api.js").components["schemas"]["PlanItem"]} PlanItem */
/**
 * What others changed since, and where both changed the same. `mine`: one's own edits, which are not stored.
 * @typedef {{mine: Edit[], theirs: {author: string, revision: number, since: any[], changes: any[],
 *   conflicts: {path: string, base: any, mine: any, theirs: any}[]}}} Conflict
 */

const RELOAD_MS = 150;
const AGAIN_MS = 1000;
const MOST_UNDO = 100;
/** What a host gives by itself, and nobody edits. */
const GIVEN = new Set(["id", "uuid", "base_revision", "base_topology"]);

/** One host's draft. Emits "change". */
export class Draft extends EventTarget {
  /**
   * @param {string} host
   * @param {import("./api.js").Api} api
   * @param {import("./live.js").Live} live
   * @param {import("./router.js").Router} router
   * @param {() => any} defaults
   */
  constructor(host, api, live, router, defaults) {
    super();
    this.host = host;
    this._api = api;
    this._live = live;
    this._router = router;
    this._defaults = defaults;
    /** @type {any} the stored document with what is not stored yet; null: to be made */
    this._made = null;
    /** @type {any} as the controller has it */
    this._stored = null;
    /** @type {any} */
    this.active = null;
    /** @type {Edit[]} on their way */
    this._sending = [];
    /** @type {Edit[]} to be sent */
    this._waiting = [];
    /** @type {Edit[][]} */
    this._undo = [];
    /** @type {Edit[][]} */
    this._redo = [];
    /** @type {Issue[]} */
    this.issues = [];
    /** @type {PlanItem[]} */
    this.items = [];
    /** @type {"none" | "clean" | "dirty" | "behind" | "diverged"} */
    this.state = "none";
    this.revision = 0;
    this.author = "";
    /** @type {{name: string, revision: number, at: number}[]} */
    this.editors = [];
    /** @type {string[]} codes of rules that lack a fact of the host */
    this.notChecked = [];
    /** @type {Conflict | null} */
    this.conflict = null;
    /** @type {import("./problem.js").Problem | null} why the last edit or reading failed */
    this.problem = null;
    this.loaded = false;
    this._timer = 0;
    /** @type {Edit[]} made before it is known whether there is a draft, or while it begins */
    this._ahead = [];
    live.on("draft", (changes) => {
      const mine = changes.find((change) => change.key === host);
      if (mine?.document === null) this._gone();
      else if (!changes.length || (mine && (mine.document?.revision ?? 0) !== this.revision)) this._later();
    });
    live.on("host", (changes) => {
      const mine = changes.find((change) => change.key === host)?.document;
      if (mine && this.active && mine.active_revision !== this._activeRevision) void this._readActive().then(() => this._changed());
    });
    this._activeRevision = -1;
    /** The first reading. */
    this._first = this.reload();
  }

  /** The draft with the edits that are not stored yet; null: there is none. @returns {any} */
  get document() {
    const begun = this._stored ?? (this._ahead.length ? this.active : null);
    if (!begun) return null;
    if (!this._made) this._made = edited(begun, [...this._sending, ...this._waiting, ...this._ahead], this._defaults());
    return this._made;
  }

  /** What a view shows: the draft in Config mode, what the host has else. @returns {any} */
  get shown() {
    return (this._router.mode === "config" && this.document) || this.active;
  }

  /** Whether something is not stored yet. */
  get saving() {
    return this._sending.length + this._waiting.length + this._ahead.length > 0;
  }

  /** How many things would change on the host. */
  get count() {
    return this.document ? Math.max(this.items.length, this.saving ? 1 : 0) : 0;
  }

  /**
   * Whether the value at a path, or anything below it, is not what the host has.
   * @param {string} path
   */
  changed(path) {
    if (!this.document || !this.active) return false;
    return !same(told(at(this.document, path)), told(at(this.active, path)));
  }

  /**
   * What the host has at a path.
   * @param {string} path
   */
  before(path) {
    return at(this.active, path);
  }

  /**
   * What the rules say of a place, or of what is below it.
   * @param {string} path
   * @returns {Issue[]}
   */
  issuesAt(path) {
    const place = pathText(parts(path));
    return this.issues.filter((issue) => issue.path === place || issue.path.startsWith(`${place}.`));
  }

  /**
   * Change something. It is seen at once and sent as soon as what was sent before is stored.
   * @param {Edit[]} edits
   */
  edit(edits) {
    if (!this._stored) {
      void this._begin(edits);
      return;
    }
    this._undo.push(undoing(this.document, edits));
    if (this._undo.length > MOST_UNDO) this._undo.shift();
    this._redo = [];
    this._take(edits);
  }

  get canUndo() {
    return this._undo.length > 0;
  }

  get canRedo() {
    return this._redo.length > 0;
  }

  undo() {
    const edits = this._undo.pop();
    if (!edits) return;
    this._redo.push(undoing(this.document, edits));
    this._take(edits);
  }

  redo() {
    const edits = this._redo.pop();
    if (!edits) return;
    this._undo.push(undoing(this.document, edits));
    this._take(edits);
  }

  /**
   * End a conflict: which of one's own edits are made on top of what others did.
   * @param {Edit[]} keep
   */
  settle(keep) {
    this.conflict = null;
    if (keep.length) this._take(keep);
    else this._changed();
  }

  /** Take the draft away. Rejects with Problem. */
  async discard() {
    await this._api.send("DELETE", `/drafts/${this.host}`, { ifMatch: this.revision });
    this._gone();
  }

  /**
   * Make the draft what the host has now. Rejects with Problem.
   * @param {{how?: "replace" | "merge", discard?: number, prefer?: "mine" | "theirs"}} [how]
   */
  async pull(how = {}) {
    await this._api.send("POST", `/drafts/${this.host}/pull`, { body: how });
    await this.reload();
  }

  /** Once all is stored that was edited. */
  async settled() {
    await this._first;
    while (this.saving) await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
  }

  /**
   * What the draft would be for the machine that its host is now. Rejects with Problem.
   * @returns {Promise<import("../types/api.js").components["schemas"]["DraftChecked"]>}
   */
  tryHardware() {
    return this._hardware(false);
  }

  /** Make the draft one for the machine that its host is now. Rejects with Problem. */
  async syncHardware() {
    await this._hardware(true);
    await this.reload();
  }

  /** @param {boolean} save */
  async _hardware(save) {
    const path = `/drafts/${this.host}/hardware`;
    return (await this._api.send("POST", path, { body: { save }, ifMatch: this.revision })).document;
  }

  /** Read everything anew. Never rejects: see `problem`. */
  async reload() {
    try {
      const [draft] = await Promise.all([this._readDraft(), this._readActive()]);
      this._shows(draft);
      this.problem = null;
    } catch (error) {
      this.problem = /** @type {any} */ (error);
    }
    this.loaded = true;
    this._changed();
  }

  async _readDraft() {
    if (!this.loaded) {
      // where the list of drafts has none, nothing is asked for
      await this._live.need("draft");
      if (this._live.listed("draft") && !this._live.get("draft", this.host)) return null;
    }
    try {
      return await this._api.get(`/drafts/${this.host}`);
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) return null;
      throw error;
    }
  }

  async _readActive() {
    try {
      const reply = await this._api.operation(this.host, "config-show");
      this.active = reply.desired;
      this._activeRevision = reply.revision.number;
    } catch (error) {
      // a host that is away: what it had when it was last read has its guests
      if (this.active) return;
      const inventory = await this._api.get(`/hosts/${this.host}/inventory`).catch(() => null);
      const guests = inventory?.document?.guests;
      if (guests) this.active = { guests: guests.map((/** @type {any} */ one) => one.guest), areas: [], events: [], networks: [] };
      else throw error;
    }
  }

  /** @param {any} draft */
  _shows(draft) {
    this._stored = draft ? draft.document : null;
    this._made = null;
    this.items = draft?.items ?? [];
    this.state = draft?.state ?? "none";
    this.revision = draft?.revision ?? 0;
    this.author = draft?.author ?? "";
    this.editors = draft?.editors ?? [];
    this._finds(draft?.findings);
  }

  /** @param {any} findings */
  _finds(findings) {
    this.issues = findings?.issues ?? [];
    this.notChecked = findings?.not_checked ?? [];
  }

  /** @param {Edit[]} edits */
  async _begin(edits) {
    this._ahead.push(...edits);
    this._made = null;
    this._changed();
    if (this._ahead.length > edits.length) return; // who came first is at it
    try {
      await this._first;
      if (!this._stored) await this.pull();
    } catch (error) {
      this.problem = /** @type {any} */ (error);
    }
    const all = this._ahead.splice(0);
    this._made = null;
    if (this._stored) this.edit(all);
    else this._changed();
  }

  /** @param {Edit[]} edits */
  _take(edits) {
    this._waiting.push(...edits);
    // what is shown already is changed in place of being made anew from all edits that wait
    this._made = this._made ? edited(this._made, edits, this._defaults()) : null;
    this.problem = null;
    this._changed();
    if (!this._sending.length) void this._send();
  }

  async _send() {
    while (this._waiting.length && !this.conflict) {
      this._sending = this._waiting.splice(0, 500);
      try {
        const answer = await this._api.send("PATCH", `/drafts/${this.host}`, {
          body: this._sending, ifMatch: this.revision, query: { merge: true },
        });
        this._stored = edited(this._stored, this._sending, this._defaults());
        this.revision = answer.document.revision;
        this.state = answer.document.state;
        this._finds(answer.document.findings);
        this._sending = [];
      } catch (error) {
        await this._refused(/** @type {any} */ (error));
      }
      this._made = null;
      this._changed();
    }
    this._later();
  }

  /** @param {import("./problem.js").Problem} problem */
  async _refused(problem) {
    if (problem.code === "UNREACHABLE") {
      this.problem = problem;
      this._changed();
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      // with what was edited meanwhile
      this._waiting = [...this._sending, ...this._waiting];
      this._sending = [];
      return;
    }
    const mine = [...this._sending, ...this._waiting];
    this._sending = [];
    this._waiting = [];
    const draft = await this._readDraft().catch(() => null);
    if (draft) this._shows(draft);
    if (problem.status === 409 || problem.status === 412) {
      const { since = [], changes = [], conflicts = [] } = problem.about ?? {};
      this.conflict = { mine, theirs: { author: draft?.author ?? "", revision: draft?.revision ?? 0, since, changes, conflicts } };
    } else this.problem = problem;
  }

  _later() {
    if (this._timer) return;
    this._timer = setTimeout(() => {
      this._timer = 0;
      if (!this.saving) void this._again();
    }, RELOAD_MS);
  }

  /** Somebody took the draft away. */
  _gone() {
    if (this.saving) return; // what is on its way will be told
    this._shows(null);
    this._undo = [];
    this._redo = [];
    this._changed();
  }

  async _again() {
    if (!this._stored && !this._live.get("draft", this.host)) return;
    const draft = await this._readDraft().catch(() => undefined);
    if (draft === undefined || this.saving || (draft && draft.revision < this.revision)) return;
    this._shows(draft);
    this._changed();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/**
 * A value without what only the host gives.
 * @param {any} value
 * @returns {any}
 */
function told(value) {
  if (Array.isArray(value)) return value.map(told);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !GIVEN.has(key)));
}
