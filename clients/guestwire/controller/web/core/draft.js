/**
 * One host's draft: what it shall be, as people edit it. An edit is seen at once, then sent; what others change meanwhile elsewhere is put
 * together with it, and where both changed the same it is a conflict, which somebody settles.
 */

import { Active } from "./active.js";
import { DraftEdits } from "./draft_edits.js";
import { at, edited, pathText, parts, same, wanted } from "./edit_paths.js";
import { Newest } from "./newest.js";
import { Problem, isForNow } from "./problem.js";

/** @typedef {import("./edit_paths.js").Edit} Edit */
/** @typedef {import("../types/api.js").components["schemas"]["Issue"]} Issue */
/** @typedef {import("../types/api.js").components["schemas"]["PlanItem"]} PlanItem */
/** @typedef {import("./draft_edits.js").Conflict} Conflict */

const RELOAD_MS = 150;
const AGAIN_MS = 1000;
const LONGEST_WAIT_MS = 10_000;

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
    this._active = new Active(host, api);
    this._edits = new DraftEdits();
    /** Whether edits are being sent. */
    this._sending = false;
    this._newest = new Newest();
    /** @type {Issue[]} */
    this.issues = [];
    /** @type {PlanItem[]} */
    this.items = [];
    /** @type {"none" | "clean" | "dirty" | "behind" | "diverged"} */
    this.state = "none";
    this.revision = 0;
    this.author = "";
    /** @type {string[]} codes of rules that lack a fact of the host */
    this.notChecked = [];
    /** @type {Conflict | null} */
    this.conflict = null;
    /** @type {import("./problem.js").Problem | null} why the last edit or reading failed */
    this.problem = null;
    /** Why edits wait. @type {import("./problem.js").Problem | null} */
    this._heldUp = null;
    this.loaded = false;
    this._timer = 0;
    this._ends = [live.on("draft", (changes) => this._told(changes)), live.on("host", (changes) => this._hostTold(changes))];
    /** The first reading. */
    this._first = this.reload();
  }

  /** Nobody looks at it any more: somebody else signs in, who sends nothing of what was edited. */
  end() {
    this._edits.taken();
    clearTimeout(this._timer);
    for (const end of this._ends.splice(0)) end();
  }

  /** The draft with the edits that are not stored yet; null: there is none. @returns {any} */
  get document() {
    const begun = this._stored ?? (this._edits.some ? this.active : null);
    if (!begun) return null;
    if (!this._made) this._made = edited(begun, this._edits.all, this._defaults());
    return this._made;
  }

  /** What the host has; null: not known. @returns {any} */
  get active() {
    return this._active.document;
  }

  /** Whether of what the host has only the guests are known: it is away. */
  get partial() {
    return this.active !== null && this._active.revision < 0;
  }

  /** What a view shows: the draft in Config mode, what the host has else. @returns {any} */
  get shown() {
    return (this._router.mode === "config" && this.document) || this.active;
  }

  /** Whether something is not stored yet. */
  get saving() {
    return this._edits.some;
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
    if (!this.document || !this.active || (this.partial && parts(path)[0] !== "guests")) return false;
    return !same(wanted(at(this.document, path)), wanted(at(this.active, path)));
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
    this._edits.add(this.document ?? this.active ?? {}, edits);
    this._edited(edits);
  }

  get canUndo() {
    return this._edits.canUndo && this.document !== null;
  }

  get canRedo() {
    return this._edits.canRedo && this.document !== null;
  }

  undo() {
    if (this.canUndo) this._edited(this._edits.undo(this.document));
  }

  redo() {
    if (this.canRedo) this._edited(this._edits.redo(this.document));
  }

  /**
   * End a conflict: which of one's own edits are made on top of what others did.
   * @param {Edit[]} keep
   */
  settle(keep) {
    this.conflict = null;
    this._edits.first(keep);
    this._made = null;
    this._changed();
    void this._send();
  }

  /**
   * Take the draft away. Rejects with Problem, and where it is another one by now than that which somebody looked at.
   * @param {number} revision that they looked at
   */
  async discard(revision) {
    await this._api.send("DELETE", `/drafts/${this.host}`, { ifMatch: revision });
    await this.reload();
  }

  /**
   * Make the draft what the host has now. Rejects with Problem.
   * @param {{how?: "replace" | "merge", discard?: number, prefer?: "mine" | "theirs"}} [how]
   */
  async pull(how = {}) {
    await this.settled();
    await this._pull(how);
  }

  /** Once all is stored that was edited. Rejects with Problem where that waits for somebody. */
  async settled() {
    await this._first;
    while (this.saving || this.conflict) {
      if (this.conflict) throw new Problem("DRAFT-CONFLICT", "Somebody changed the same: choose in Pending changes first.");
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
  }

  /** Read everything anew. Never rejects: see `problem`. */
  async reload() {
    const counts = this._newest.ask();
    try {
      const [draft] = await Promise.all([this._readIfAny(), this._active.read()]);
      this._take(draft, counts);
      this.problem = null;
    } catch (error) {
      this.problem = /** @type {any} */ (error);
    }
    this.loaded = true;
    this._changed();
  }

  /** Whether the list of drafts says that there is none: then nothing is asked for. */
  _isNone() {
    return this._live.listed("draft") && !this._live.get("draft", this.host);
  }

  async _readIfAny() {
    await this._live.need("draft").catch(() => null);
    return !this._stored && this._isNone() ? null : this._readDraft(); // the list may be behind, or cut off
  }

  async _readDraft() {
    try {
      return await this._api.get(`/drafts/${this.host}`);
    } catch (error) {
      if (/** @type {any} */ (error).status === 404) return null;
      throw error;
    }
  }

  /** @param {import("./live.js").Change[]} changes */
  _told(changes) {
    if (changes.length && !changes.some((change) => change.key === this.host)) return;
    this._later();
    if (!changes.length) void this._send(); // who was signed out is back
  }

  /** @param {import("./live.js").Change[]} changes */
  _hostTold(changes) {
    if (changes.length && !changes.some((change) => change.key === this.host)) return;
    const { revision, document } = this._active;
    const host = this._live.get("host", this.host);
    if (host && host.state !== "offline" && document && host.active_revision !== revision) void this._active.read().then(() => this._changed());
  }

  /** @param {any} draft */
  _shows(draft) {
    if (!draft && this._stored) this._edits.forget();
    this._stored = draft ? draft.document : null;
    this._made = null;
    this.items = draft?.items ?? [];
    this.state = draft?.state ?? "none";
    this.revision = draft?.revision ?? 0;
    this.author = draft?.author ?? "";
    this._finds(draft?.findings);
  }

  /** @param {any} findings */
  _finds(findings) {
    this.issues = findings?.issues ?? [];
    this.notChecked = findings?.not_checked ?? [];
  }

  /** @param {Edit[]} edits that were added to the others */
  _edited(edits) {
    // what is shown already is changed in place of being made anew from all edits that wait
    this._made = this._made ? edited(this._made, edits, this._defaults()) : null;
    this.problem = null;
    this._changed();
    void this._send();
  }

  /** Have the controller store what was edited, as long as there is something: never twice at once. */
  async _send() {
    if (this._sending) return;
    this._sending = true;
    await this._first;
    while (this._edits.some && !this.conflict) {
      try {
        const edits = this._edits.next();
        if (!this._stored) await this._begin();
        await this._patch(edits);
      } catch (error) {
        if (!(await this._refused(/** @type {any} */ (error)))) break;
      }
      this._made = null;
      this._changed();
    }
    this._sending = false;
    this._later();
  }

  /** @param {Edit[]} edits */
  async _patch(edits) {
    this._newest.changed();
    try {
      const { document } = await this._api.send("PATCH", `/drafts/${this.host}`, {
        body: edits, ifMatch: this.revision, query: { merge: true },
      });
      this._stored = edited(this._stored, edits, this._defaults());
      this.revision = document.revision;
      this.state = document.state;
      this._finds(document.findings);
      this._edits.stored();
      if (this.problem === this._heldUp) this.problem = null;
    } finally {
      this._newest.changed();
    }
  }

  /** Let there be a draft to put edits in. Rejects with Problem. */
  async _begin() {
    try {
      if (this._isNone()) await this._pull({});
    } catch (error) {
      if (/** @type {any} */ (error).code !== "EXISTS") throw error; // somebody began one just now
    }
    if (this._stored) return;
    const counts = this._newest.ask();
    const draft = await this._readDraft();
    if (counts()) this._shows(draft);
    if (!this._stored) await this._pull({});
    if (!this._stored) throw new Problem("DRAFT-GONE", "The draft was taken away while it began.", { status: 503 });
  }

  /** @param {{how?: "replace" | "merge", discard?: number, prefer?: "mine" | "theirs"}} how */
  async _pull(how) {
    await this._api.send("POST", `/drafts/${this.host}/pull`, { body: how });
    this._newest.changed();
    const counts = this._newest.ask();
    const draft = await this._readDraft();
    if (counts()) this._shows(draft);
    await this._active.read();
    this._changed();
  }

  /**
   * What was sent was not stored: it is sent again, or shown beside what others did, or given up with a word.
   * @param {import("./problem.js").Problem} problem
   * @returns {Promise<boolean>} whether to go on
   */
  async _refused(problem) {
    if (problem.status === 401) return false; // until the same person is signed in again
    if (isForNow(problem)) {
      this.problem = this._heldUp = problem;
      this._changed();
      const wait = Math.min(Math.max(AGAIN_MS, (problem.retryAfter ?? 0) * 1000), LONGEST_WAIT_MS);
      await new Promise((resolve) => setTimeout(resolve, wait));
    } else if (problem.code === "DRAFT-MISSING") this._shows(null);
    else if (problem.code === "REVISION-STALE") await this._disputed(problem);
    else if (this._edits.refused()) this.problem = problem;
    return true;
  }

  /** @param {import("./problem.js").Problem} problem */
  async _disputed(problem) {
    const draft = await this._readDraft().catch(() => null);
    if (draft) this._shows(draft);
    const { since = [], changes = [], conflicts = [] } = problem.about ?? {};
    this.conflict = {
      mine: this._edits.taken(),
      theirs: { author: draft?.author ?? "", revision: draft?.revision ?? 0, since, changes, conflicts },
    };
  }

  _later() {
    if (this._timer) return;
    this._timer = setTimeout(() => {
      this._timer = 0;
      void this._again();
    }, RELOAD_MS);
  }

  async _again() {
    if (this.saving || (!this._stored && !this._live.get("draft", this.host))) return;
    const counts = this._newest.ask();
    const draft = await this._readIfAny().catch(() => undefined);
    if (draft === undefined) return;
    this._take(draft, counts);
    this._changed();
  }

  /**
   * Show what was read, unless something newer is known. What waits was made from what is shown: others' edits are met when it
   * is sent, and read after that.
   * @param {any} draft
   * @param {() => boolean} counts
   */
  _take(draft, counts) {
    if (this.saving && this._stored) return;
    if (counts()) this._shows(draft);
    else this._later();
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }
}
