/**
 * What somebody else changed while one was editing: both sides, field by field, and a choice for each. Nothing is lost
 * before it is made.
 */

import { html, nothing } from "lit";
import { at, pathText } from "../../core/edit_paths.js";
import { named, parts, valueWords } from "../../core/places.js";
import { line } from "../../core/plan.js";
import { Part } from "../../parts/part.js";
import { changeLine, withGroup } from "./lines.js";

/** @typedef {import("../../core/draft.js").Edit} Edit */

export class DraftConflict extends Part {
  static properties = { ...Part.properties, host: {}, conflict: { attribute: false }, _mine: { state: true } };

  constructor() {
    super();
    this.host = "";
    /** @type {import("../../core/draft.js").Conflict | null} */
    this.conflict = null;
    /** Places of edits of one's own that are to be kept. @type {Set<string>} */
    this._mine = new Set();
  }

  render() {
    const draft = this.services.drafts.of(this.host);
    const conflict = this.conflict;
    if (!conflict) return nothing;
    const theirs = conflict.theirs;
    const asked = conflict.mine.filter((edit) => this._disputed(edit));
    const places = new Set(asked.map((edit) => this._place(edit)));
    const others = (theirs.changes ?? []).filter((one) => !places.has(one.path));
    const mine = conflict.mine.filter((edit) => !asked.includes(edit));
    return html`<section class="sync-conflict" aria-labelledby="gw-draft-conflict-title" role="alert">
      <h3 id="gw-draft-conflict-title"><span aria-hidden="true">▲</span> ${theirs.author
        || "Somebody else"} changed the same</h3>
      <p>Your edits are not in the draft yet. Choose for each; nothing is overwritten before that.</p>
      ${asked.map((edit, n) => this._choice(draft, edit, n))}
      ${mine.length ? html`<h4>What only you changed (it goes in)</h4>
        <ul class="sync-lines">${mine.map((edit) => this._own(draft, edit))}</ul>` : nothing}
      ${others.length ? html`<h4>What else ${theirs.author || "somebody else"} changed (it stays)</h4>
        <ul class="sync-lines">${others.map((one) => changeLine(withGroup(line(one))))}</ul>` : nothing}
      <div class="row">
        <button type="button" class="button primary"
          @click=${() => this._settle(conflict.mine)}>Go on with this choice</button>
      </div>
    </section>`;
  }

  /** @param {Edit} edit */
  _place(edit) {
    return pathText(parts(edit.path));
  }

  /**
   * Whether both changed what an edit is about. Where nobody said what, everything is asked.
   * @param {Edit} edit
   */
  _disputed(edit) {
    const places = (this.conflict?.theirs.conflicts ?? []).map((one) => one.path);
    const place = this._place(edit);
    return !places.length
      || places.some((one) => one === place || one.startsWith(`${place}.`) || place.startsWith(`${one}.`));
  }

  /**
   * @param {import("../../core/drafts.js").Draft} draft
   * @param {Edit} edit
   */
  _own(draft, edit) {
    const path = this._place(edit);
    return changeLine(withGroup(line({ path, before: draft.before(edit.path), after: edit.value }, "changed")));
  }

  /**
   * @param {import("../../core/drafts.js").Draft} draft
   * @param {Edit} edit
   * @param {number} n
   */
  _choice(draft, edit, n) {
    const path = this._place(edit);
    const { group, label } = named(path);
    const now = valueWords(path, at(draft.document, edit.path));
    const was = valueWords(path, draft.before(edit.path));
    const name = `gw-draft-conflict-${n}`;
    const mine = this._mine.has(edit.path);
    return html`<fieldset class="sync-choice">
      <legend>${group}: ${label}</legend>
      <p class="muted">On the host: ${was}</p>
      <div class="field check"><input type="radio" id="${name}-theirs" name=${name} .checked=${!mine}
        @change=${() => this._choose(edit, false)}>
        <label for="${name}-theirs">Take theirs: <strong>${now}</strong></label></div>
      <div class="field check"><input type="radio" id="${name}-mine" name=${name} .checked=${mine}
        @change=${() => this._choose(edit, true)}>
        <label for="${name}-mine">Keep mine: <strong>${mineWords(edit, path)}</strong></label></div>
    </fieldset>`;
  }

  /**
   * @param {Edit} edit
   * @param {boolean} mine
   */
  _choose(edit, mine) {
    const chosen = new Set(this._mine);
    if (mine) chosen.add(edit.path);
    else chosen.delete(edit.path);
    this._mine = chosen;
  }

  /** @param {Edit[]} edits */
  _settle(edits) {
    this.services.drafts.of(this.host).settle(edits.filter((edit) => !this._disputed(edit)
      || this._mine.has(edit.path)));
    this._mine = new Set();
    this.services.say.done("The conflict is settled.");
  }
}
customElements.define("gw-draft-conflict", DraftConflict);

/** What an edit wants, where that is not a value. @type {Record<string, string>} */
const WANTS = { remove: "remove it", default: "back to the default", rename: "call it", add: "add it", append: "also",
  take: "without" };

/**
 * @param {Edit} edit
 * @param {string} path
 */
function mineWords(edit, path) {
  const op = edit.op ?? "set";
  const value = op === "remove" || op === "default" || op === "add" ? "" : valueWords(path, edit.value);
  return [WANTS[op] ?? "", value].filter((one) => one).join(" ");
}
